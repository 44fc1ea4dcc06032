package kmod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

const (
	deps = `kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/lib/crc32c-generic.ko.xz:
kernel/arch/x86/crypto/crc32c-intel.ko.xz:
kernel/drivers/net/a.ko.xz: kernel/drivers/net/b.ko.xz kernel/drivers/net/c-lib.ko.xz
kernel/drivers/net/b.ko.xz: kernel/drivers/net/c-lib.ko.xz
kernel/drivers/net/c-lib.ko.xz:
kernel/drivers/gpu/slow.ko:
kernel/drivers/usb/uas.ko.xz: kernel/drivers/usb/usb-storage.ko.xz
kernel/drivers/usb/usb-storage.ko.xz:
kernel/loop-one.ko.xz:
kernel/loop-two.ko.xz:
kernel/ipmi.ko.xz:
kernel/ipmi-devintf.ko.xz:
`
	softdeps = `# Soft dependencies extracted from modules themselves.
softdep xfs pre: crc32c
softdep ipmi post: ipmi-devintf not_there
softdep loop_one pre: loop_two
softdep loop_two pre: loop_one
`
	aliases = `# Aliases extracted from modules themselves.
alias fs-xfs xfs
alias crc32c crc32c_generic
alias crc32c crc32c_intel
alias pci:v00008086d00001502sv*sd*bc*sc*i* a
alias pci:v*d*sv*sd*bc03sc*i* slow
alias usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* uas
alias net-pf-10 ipv6
alias dmi*:svn*Vendor/Name*:* slow
alias gone a_module_that_was_not_shipped
`
	builtins = "kernel/net/ipv6/ipv6.ko\nkernel/fs/ext-four.ko\n"
)

func tree() fstest.MapFS {
	return fstest.MapFS{
		"modules.dep":     {Data: []byte(deps)},
		"modules.softdep": {Data: []byte(softdeps)},
		"modules.alias":   {Data: []byte(aliases)},
		"modules.builtin": {Data: []byte(builtins)},
	}
}

func index(t *testing.T) *Index {
	t.Helper()
	x, err := ReadIndex(tree())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestPlan(t *testing.T) {
	x := index(t)
	for _, c := range []struct {
		name      string
		blacklist string
		want      string // a trailing ? marks what may fail
		unknown   bool
	}{
		{name: "c-lib", want: "c_lib"},
		{name: "a", want: "c_lib b a"},
		{name: "xfs", want: "crc32c_generic? crc32c_intel? libcrc32c xfs"},
		{name: "fs-xfs", want: "crc32c_generic? crc32c_intel? libcrc32c xfs"},
		{name: "fs_xfs", blacklist: "crc32c-intel", want: "crc32c_generic? libcrc32c xfs"},
		{name: "fs-xfs", blacklist: "xfs", want: ""},
		{name: "xfs", blacklist: "xfs", want: "crc32c_generic? crc32c_intel? libcrc32c xfs"},
		{name: "ipmi", want: "ipmi ipmi_devintf?"},
		{name: "loop-one", want: "loop_two? loop_one"},
		{name: "pci:v00008086d00001502sv000015D9sd00000604bc02sc00i00", want: "c_lib b a"},
		{name: "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00", want: "slow"},
		{name: "usb:v13FDp3940d0112dc00dsc00dp00ic08isc06ip50in00", want: "usb_storage uas"},
		{name: "usb:v13FDp3940d0312dc00dsc00dp00ic08isc06ip50in00", unknown: true},
		{name: "dmi:bvnX:svnA Vendor/Name:pn", want: "slow"},
		{name: "ipv6", want: ""},
		{name: "ext_four", want: ""},
		{name: "net-pf-10", want: ""},
		{name: "gone", want: ""},
		{name: "nonsense", unknown: true},
		{name: "", unknown: true},
	} {
		steps, err := x.Plan(c.name, NewSettings([]Param{{"modprobe.blacklist", c.blacklist}}))
		var got []string
		for _, s := range steps {
			mark := ""
			if s.Optional {
				mark = "?"
			}
			got = append(got, s.Module+mark)
		}
		if strings.Join(got, " ") != c.want || errors.Is(err, ErrUnknown) != c.unknown {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestSettingsComeFromTheCommandLine(t *testing.T) {
	s := NewSettings([]Param{
		{"quiet", ""}, {"c-lib.debug", "1"}, {"c_lib.name", "a b"}, {"c_lib.flag", ""}, {"b.", "x"}, {".b", "x"},
		{"vigie.format", "blank"}, {"modprobe.blacklist", "x-y,z"}, {"modprobe.other", "x"},
	})
	if got, want := s.params["c_lib"], `debug=1 name="a b" flag`; got != want {
		t.Errorf("parameters %q, want %q", got, want)
	}
	if s.params["b"] != "" || len(s.params) != 2 || !s.blacklist["x_y"] || !s.blacklist["z"] || len(s.blacklist) != 2 {
		t.Errorf("settings %+v", s)
	}
	steps, err := index(t).Plan("a", s)
	if err != nil || steps[0].Params != s.params["c_lib"] || steps[0].File != "kernel/drivers/net/c-lib.ko.xz" || steps[1].Params != "" {
		t.Errorf("plan %+v, %v", steps, err)
	}
}

func TestReadIndexSaysWhatIsWrong(t *testing.T) {
	for file, text := range map[string]string{"modules.dep": "no colon\n", "modules.alias": "alias x\n", "modules.softdep": "xfs pre: a\n"} {
		dir := tree()
		dir[file] = &fstest.MapFile{Data: []byte(text)}
		if _, err := ReadIndex(dir); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := ReadIndex(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	if x, err := ReadIndex(fstest.MapFS{"modules.dep": {Data: []byte(deps)}}); err != nil || x.Len() != 14 {
		t.Errorf("modules.dep alone: %v", err)
	}
}

func TestLoaderGoesOnWithoutWhatIsOptional(t *testing.T) {
	l := NewLoader("/m", index(t), NewSettings([]Param{{"xfs.x", "1"}}))
	var calls []string
	l.insert = func(file, params string) error {
		calls = append(calls, strings.TrimPrefix(file+" "+params, "/m/kernel/"))
		switch {
		case strings.Contains(file, "intel"):
			return unix.ENODEV
		case strings.Contains(file, "libcrc32c"):
			return unix.EEXIST
		}
		return nil
	}
	if err := l.Load("fs-xfs"); err != nil {
		t.Error(err)
	}
	want := []string{"lib/crc32c-generic.ko.xz ", "arch/x86/crypto/crc32c-intel.ko.xz ", "lib/libcrc32c.ko.xz ", "fs/xfs/xfs.ko.xz x=1"}
	if !slices.Equal(calls, want) || l.Count() != 2 {
		t.Errorf("%d loaded, calls %q", l.Count(), calls)
	}
	calls = nil
	if err := l.Load("xfs"); err != nil || len(calls) != 1 {
		t.Errorf("second load: %v, calls %q", err, calls)
	}
	l.insert = func(file, _ string) error { return unix.ENOENT }
	if err := l.Load("a"); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "module a:") {
		t.Errorf("failing load: %v", err)
	}
	if err := l.Load("nonsense"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
}

// TestInsertHandsTheFileToTheKernel has the kernel refuse what is no module: nothing is loaded on the machine that tests.
func TestInsertHandsTheFileToTheKernel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.ko")
	if err := os.WriteFile(file, []byte("this is no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	var errno unix.Errno
	if err := Insert(file, ""); !errors.As(err, &errno) {
		t.Errorf("error %v, want one of the kernel's", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(deps, softdeps, aliases, builtins, "fs-xfs")
	f.Add(deps, softdeps, aliases, builtins, "usb:v13FDp3940d0112dc")
	f.Fuzz(func(t *testing.T, deps, softdeps, aliases, builtins, name string) {
		x, err := ReadIndex(fstest.MapFS{
			"modules.dep": {Data: []byte(deps)}, "modules.softdep": {Data: []byte(softdeps)},
			"modules.alias": {Data: []byte(aliases)}, "modules.builtin": {Data: []byte(builtins)},
		})
		if err != nil {
			return
		}
		steps, err := x.Plan(name, Settings{})
		if err != nil && len(steps) > 0 {
			t.Errorf("%d steps with %v", len(steps), err)
		}
		seen := map[string]bool{}
		for _, s := range steps {
			if seen[s.Module] {
				t.Errorf("%s twice", s.Module)
			}
			seen[s.Module] = true
		}
	})
}
