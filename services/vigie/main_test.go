package main

import (
	"bytes"
	"strings"
	"testing"

	"vigie/internal/version"
)

func TestDispatchNamesWhatItKnowsAndRefusesTheRest(t *testing.T) {
	for _, c := range []struct {
		args        []string
		status      int
		out, errOut string
	}{
		{[]string{"version"}, 0, version.Version + "\n", ""},
		{[]string{"version", "-x"}, 1, "", "takes no arguments"},
		{nil, 2, "", "usage: vigie"},
		{[]string{"sytsem"}, 2, "", `no such command: "sytsem"`},
		{[]string{"system", "-h"}, 2, "", "-socket"},
		{[]string{"system", "extra"}, 1, "", "extra"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			var out, errOut bytes.Buffer
			if got := dispatch(t.Context(), c.args, &out, &errOut); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			if out.String() != c.out || !strings.Contains(errOut.String(), c.errOut) {
				t.Errorf("stdout %q, stderr %q", out.String(), errOut.String())
			}
		})
	}
}
