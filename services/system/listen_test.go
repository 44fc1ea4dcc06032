package system

import (
	"slices"
	"testing"
)

// TestRescueModeGivesRightsToTheConsoleAlone: who came by the network, and every other service, has in rescue mode what he has at
// other times.
func TestRescueModeGivesRightsToTheConsoleAlone(t *testing.T) {
	usual, rescue := rights(false), rights(true)
	var more []string
	for _, r := range rescue {
		if !slices.Contains(usual, r) {
			if r.User != consoleUserID {
				t.Errorf("user %d may %s %s", r.User, r.Method, r.Path)
			}
			more = append(more, r.Method+" "+r.Path)
		}
	}
	if want := []string{"POST /v1/volumes/*/change", "POST /v1/arrays/*/change", "POST /v1/network/start", "POST /v1/services/web/start", "POST /v1/services/engine/start", "POST /v1/services/engine/stop"}; !slices.Equal(more, want) || len(rescue) != len(usual)+len(want) {
		t.Errorf("besides it may %q", more)
	}
}
