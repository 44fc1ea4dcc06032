package sysctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var files = []struct {
	text string
	want []Setting
	bad  bool
}{
	{text: ""},
	{text: "# c\n; d\n\n"},
	{
		text: "kernel.printk = 3 4 1 3\n-net/ipv4/conf/eth0.1/rp_filter=1\r\n",
		want: []Setting{{Key: "kernel/printk", Value: "3 4 1 3"}, {Key: "net/ipv4/conf/eth0.1/rp_filter", Value: "1", Optional: true}},
	},
	{text: "kernel.x", bad: true},
	{text: "kernel.x =", bad: true},
	{text: "= 1", bad: true},
	{text: "../../etc/passwd = 1", bad: true},
	{text: "/proc/sys/x = 1", bad: true},
	{text: "a..b = 1", bad: true},
}

func TestParse(t *testing.T) {
	for _, c := range files {
		got, err := Parse(strings.NewReader(c.text))
		if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.bad {
			t.Errorf("%q: error %v\n%s", c.text, err, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range files {
		f.Add(c.text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range settings {
			if path := filepath.Join(dir, s.Key); !strings.HasPrefix(path, dir+"/") {
				t.Errorf("%q leads to %s", text, path)
			}
		}
	})
}

func TestApplyGoesOnAfterAFault(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "kernel", "panic")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	applied, err := Apply(dir, []Setting{{Key: "no/such", Value: "1"}, {Key: "no/matter", Value: "1", Optional: true}, {Key: "kernel/panic", Value: "10"}})
	if applied != 1 || err == nil || !strings.Contains(err.Error(), "no/such = 1") || strings.Contains(err.Error(), "matter") {
		t.Errorf("%d applied, %v", applied, err)
	}
	if got, _ := os.ReadFile(file); string(got) != "10\n" {
		t.Errorf("wrote %q", got)
	}
}
