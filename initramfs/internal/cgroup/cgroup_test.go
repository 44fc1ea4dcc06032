package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// newTree makes a tree in the machine's real cgroup v2.
func newTree(t *testing.T) *Tree {
	t.Helper()
	root := t.TempDir()
	if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
		t.Fatal(err)
	}
	top := filepath.Join(root, "vigie-cgroup-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{top + "/services/engine", top + "/services", top} {
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
		if err := unix.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	tree, err := OpenTree(top, "services")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// start starts a program inside a group.
func start(t *testing.T, g *Group) *exec.Cmd {
	t.Helper()
	dir, err := g.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := exec.Command("/bin/sh", "-c", "setsid sleep 1000 & wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestAGroupIsKilledWholeAndMadeAnew(t *testing.T) {
	tree := newTree(t)
	for range 2 { // what was killed must not haunt the next run
		g, err := tree.Fresh("engine", Limits{CPUWeight: 1000, IOWeight: 1000, MaxPIDs: 100})
		if err != nil {
			t.Fatal(err)
		}
		if populated, err := g.Populated(); populated || err != nil {
			t.Errorf("new group: populated %v, %v", populated, err)
		}
		cmd := start(t, g)
		if populated, err := tree.Populated(); !populated || err != nil {
			t.Errorf("with a process: populated %v, %v", populated, err)
		}
		if _, err := tree.Fresh("engine", Limits{}); !errors.Is(err, ErrPopulated) {
			t.Errorf("group in use: %v", err)
		}
		if g.MemoryBytes() < 0 {
			t.Error("negative memory")
		}
		if err := g.Kill(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
			t.Errorf("ended with %v", err)
		}
		for populated := true; populated; { // until the grandchild is gone too
			if populated, err = g.Populated(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLimitsAreWrittenWhereTheKernelHasThem uses plain files: which controllers a machine offers to tests differs.
func TestLimitsAreWrittenWhereTheKernelHasThem(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"cpu.weight": "1000", "io.weight": "default 2000", "io.bfq.weight": "1000", "pids.max": "512", "memory.oom.group": "1"}
	for name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := &Group{dir: dir}
	if err := g.set(Limits{CPUWeight: 1000, IOWeight: 2000, MaxPIDs: 512}); err != nil {
		t.Error(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, want %q, %v", name, got, want, err)
		}
	}
	if err := (&Group{dir: t.TempDir()}).set(Limits{CPUWeight: 1, IOWeight: 1, MaxPIDs: 1}); err != nil {
		t.Errorf("without controllers: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.current"), []byte("4096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := g.MemoryBytes(); got != 4096 {
		t.Errorf("memory %d", got)
	}
}

func TestOpenTreeNeedsVersion2(t *testing.T) {
	if _, err := OpenTree(t.TempDir(), "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
