package mountinfo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var infos = []struct {
	text string
	want []Mount
	bad  bool
}{
	{text: ""},
	{
		text: "24 1 0:22 / /proc rw,nosuid - proc proc rw\n36 24 8:1 /a /volumes/a\\040b rw shared:1 master:2 - xfs /dev/sda1 rw\n",
		want: []Mount{{"/proc", "proc", "proc", "0:22"}, {"/volumes/a b", "xfs", "/dev/sda1", "8:1"}},
	},
	{text: "36 35 98:0 / /mnt\\13 rw - ext3 none rw\n", want: []Mount{{"/mnt\\13", "ext3", "none", "98:0"}}},
	{text: "36 35 98:0 / /mnt rw ext3 none rw\n", bad: true},
	{text: "36 35 / /mnt rw - ext3 none rw\n", bad: true},
	{text: "\n", bad: true},
}

func TestParse(t *testing.T) {
	for _, c := range infos {
		got, err := Parse(c.text)
		if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.bad {
			t.Errorf("%q: %v\n%s", c.text, err, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range infos {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		mounted, err := Parse(text)
		if err == nil && len(mounted) > strings.Count(text, "\n")+1 {
			t.Errorf("%q: %d mounts", text, len(mounted))
		}
	})
}

func TestReadFindsTheRoot(t *testing.T) {
	all, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Target == "/" && m.Type != "" && strings.Contains(m.Device, ":") {
			return
		}
	}
	t.Errorf("no root in %+v", all)
}
