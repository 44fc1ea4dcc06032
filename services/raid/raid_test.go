package raid

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/services/raid/raidapi"
)

func TestEachLevelIsMadeAsItShouldBe(t *testing.T) {
	for level, want := range map[int]string{0: "", 1: "--bitmap=internal", 5: "--consistency-policy=ppl", 6: "--bitmap=internal", 10: "--bitmap=internal"} {
		r := raidapi.Request{Do: raidapi.Create, Level: level, Name: "films", Mark: "vigie-a", Devices: []string{"sda", "sdb", "cciss!c0d0"}, Members: 2}
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		j := job(r, "md3")
		all := strings.Join(j.Args, " ")
		if j.Key != "md3" || strings.Contains(all, "assume-clean") || !strings.HasPrefix(all, "--create /dev/md3 --run ") ||
			!strings.HasSuffix(all, " --spare-devices=1 /dev/sda /dev/sdb /dev/cciss/c0d0") || !strings.Contains(all, "--homehost=vigie-a --name=films") {
			t.Errorf("RAID %d: %s", level, all)
		}
		for _, policy := range []string{"--bitmap=internal", "--consistency-policy=ppl"} {
			if slices.Contains(j.Args, policy) != (policy == want) {
				t.Errorf("RAID %d: %s", level, all)
			}
		}
	}
}

func TestWhatIsNoArrayIsNotAskedFor(t *testing.T) {
	good := raidapi.Request{Do: raidapi.Create, Level: 1, Name: "films", Mark: "vigie-a", Devices: []string{"sda", "sdb"}, Members: 2}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*raidapi.Request){
		"another word":            func(r *raidapi.Request) { r.Do = "build" },
		"a path":                  func(r *raidapi.Request) { r.Devices[0] = "../mem" },
		"an option":               func(r *raidapi.Request) { r.Devices[0] = "--assume-clean" },
		"an array of arrays":      func(r *raidapi.Request) { r.Devices[0] = "md0" },
		"a disk twice":            func(r *raidapi.Request) { r.Devices[1] = "sda" },
		"more members than disks": func(r *raidapi.Request) { r.Members = 3 },
		"a level":                 func(r *raidapi.Request) { r.Level = 4 },
		"an option as name":       func(r *raidapi.Request) { r.Name = "-x" },
		"a host in the name":      func(r *raidapi.Request) { r.Name = "a:b" },
		"no mark":                 func(r *raidapi.Request) { r.Mark = "" },
		"a mark of two words":     func(r *raidapi.Request) { r.Mark = "a b" },
		"an array's name":         func(r *raidapi.Request) { r.Array = "md0" },
		"no array":                func(r *raidapi.Request) { *r = raidapi.Request{Do: raidapi.Add, Devices: []string{"sda"}} },
		"a disk as array":         func(r *raidapi.Request) { *r = raidapi.Request{Do: raidapi.Stop, Array: "sda"} },
		"replace by nothing": func(r *raidapi.Request) {
			*r = raidapi.Request{Do: raidapi.Replace, Array: "md0", Devices: []string{"sda"}}
		},
	} {
		r := good
		r.Devices = slices.Clone(good.Devices)
		change(&r)
		if r.Validate() == nil {
			t.Errorf("%s passes: %+v", what, r)
		}
	}
	for name, ok := range map[string]bool{"films": true, "": false, "a b": false, "sixteen-letters-": false, "a:b": false} {
		if raidapi.CheckName(name) != ok {
			t.Errorf("%q", name)
		}
	}
}

// TestMdadmIsRun has a script in mdadm's place: no build machine's kernel has arrays.
func TestMdadmIsRun(t *testing.T) {
	dir, err := os.MkdirTemp("", "raid") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	asked := filepath.Join(dir, "asked")
	script := "#!/bin/sh\necho \"$MDADM_NO_UDEV $@\" >> " + asked + "\ncase \"$*\" in *--stop*) printf 'mdadm: Cannot get\\033 exclusive access\\nmdadm: Perhaps it is in use\\n' >&2; exit 1;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "mdadm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sys/block/md0"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := raidapi.Client{Socket: filepath.Join(dir, "s")}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, []string{"-socket", c.Socket, "-mdadm", filepath.Join(dir, "mdadm"), "-root", dir}, io.Discard, io.Discard)
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(c.Socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
	if info, err := os.Stat(c.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is open to others: %v, %v", info, err)
	}
	for _, r := range []raidapi.Request{
		{Do: raidapi.Assemble, Devices: []string{"sda", "sdb1"}}, {Do: raidapi.Assemble, Devices: []string{"sda"}, Degraded: true, Mark: "vigie-b"},
		{Do: raidapi.Add, Array: "md0", Devices: []string{"sdc"}}, {Do: raidapi.Replace, Array: "md0", Devices: []string{"sda", "sdc"}},
		{Do: raidapi.Forget, Devices: []string{"nvme0n1"}}, {Do: raidapi.Size, Array: "md0"}, {Do: raidapi.Reshape, Array: "md0", Members: 4},
		{Do: raidapi.LogOff, Array: "md0"}, {Do: raidapi.LogOn, Array: "md0"},
	} {
		if err := c.Ask(t.Context(), r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := c.Ask(t.Context(), raidapi.Request{Do: raidapi.Stop, Array: "md0"}); err == nil || err.Error() != "stop: Cannot get exclusive access; Perhaps it is in use" {
		t.Errorf("mdadm's refusal: %v", err)
	}
	want := `1 --assemble /dev/md1 /dev/sda /dev/sdb1
1 --assemble /dev/md1 --run --update=homehost --homehost=vigie-b /dev/sda
1 /dev/md0 --add /dev/sdc
1 /dev/md0 --replace /dev/sda --with /dev/sdc
1 --zero-superblock /dev/nvme0n1
1 --grow /dev/md0 --size=max
1 --grow /dev/md0 --raid-devices=4
1 --grow /dev/md0 --consistency-policy=resync
1 --grow /dev/md0 --consistency-policy=ppl
1 --stop /dev/md0
`
	if got, err := os.ReadFile(asked); err != nil || string(got) != want {
		t.Errorf("asked\n%s%v", got, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
