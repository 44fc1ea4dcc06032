package smart

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/errand"
	"vigie/services/smart/smartapi"
)

// serve runs the service with a script in smartctl's place: no disk of a build machine hangs when it is wanted to.
func serve(t *testing.T, script string) smartapi.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "smart") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "smartctl")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := smartapi.Client{Socket: filepath.Join(dir, "s")}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, []string{"-socket", c.Socket, "-smartctl", program}, io.Discard, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(2 * errand.KillTime):
			t.Error("the service does not end")
		}
		os.RemoveAll(dir)
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(c.Socket); err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
}

func TestSmartctlIsAsked(t *testing.T) {
	c := serve(t, `echo "$@"; test "$1 $2" != "--json --abort" || exit 4; case "$*" in *sdb) exit 127;; esac`)
	for _, q := range []struct {
		r      smartapi.Request
		status int
		said   string
	}{
		{smartapi.Request{Node: "/dev/sda", Do: smartapi.Report}, 0, "--json --all --nocheck=standby,127 /dev/sda\n"},
		{smartapi.Request{Node: "/dev/sdb", Do: smartapi.Report}, smartapi.Asleep, "--json --all --nocheck=standby,127 /dev/sdb\n"},
		{smartapi.Request{Node: "/dev/bus/0", Type: "megaraid,12", Do: smartapi.Long}, 0, "--json --test=long --device=megaraid,12 /dev/bus/0\n"},
		{smartapi.Request{Node: "/dev/nvme0n1", Do: smartapi.Stop}, 4, "--json --abort /dev/nvme0n1\n"},
	} {
		a, err := c.Ask(t.Context(), q.r)
		if err != nil || a.Status != q.status || a.Output != q.said {
			t.Errorf("%+v: %+v, %v", q.r, a, err)
		}
	}
	info, err := os.Stat(c.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is open to others: %v, %v", info.Mode(), err)
	}
}

func TestNothingButDisksIsAsked(t *testing.T) {
	for _, r := range []smartapi.Request{
		{Node: "/dev/sda", Do: "erase"}, {Node: "/dev/mem", Do: smartapi.Report}, {Node: "/dev/sda --set=security-disable", Do: smartapi.Report},
		{Node: "/dev/../etc/passwd", Do: smartapi.Report}, {Node: "/dev/sda", Type: "test", Do: smartapi.Report}, {Node: "/dev/sda", Type: "megaraid,1\n", Do: smartapi.Report},
	} {
		if r.Validate() == nil {
			t.Errorf("%+v", r)
		}
	}
}

// TestADiskThatHangsKeepsItsChildAndNothingElse: another disk is answered, and so is this one once it lets go.
func TestADiskThatHangsKeepsItsChildAndNothingElse(t *testing.T) {
	c := serve(t, `case "$*" in *sda) if test ! -e "$0.well"; then touch "$0.begun"; exec sleep 1000; fi;; esac; echo well`)
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error, 1)
	go func() {
		_, err := c.Ask(ctx, smartapi.Request{Node: "/dev/sda", Do: smartapi.Report})
		hung <- err
	}()
	sda := func() (smartapi.Answer, error) {
		return c.Ask(t.Context(), smartapi.Request{Node: "/dev/sda", Do: smartapi.Stop})
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("never " + what)
			}
		}
	}
	folder := filepath.Dir(c.Socket)
	until("asked", func() bool { _, err := os.Stat(filepath.Join(folder, "smartctl.begun")); return err == nil })
	if _, err := c.Ask(t.Context(), smartapi.Request{Node: "/dev/sda", Do: smartapi.Report}); !errors.Is(err, smartapi.ErrBusy) {
		t.Errorf("asked while it hangs: %v", err)
	}
	if a, err := c.Ask(t.Context(), smartapi.Request{Node: "/dev/sdb", Do: smartapi.Report}); err != nil || strings.TrimSpace(a.Output) != "well" {
		t.Errorf("another disk: %+v, %v", a, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "smartctl.well"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) && !errors.Is(err, smartapi.ErrBusy) {
		t.Errorf("given up: %v", err)
	}
	until("well", func() bool { a, err := sda(); return err == nil && strings.TrimSpace(a.Output) == "well" })
}

func TestOutputIsBounded(t *testing.T) {
	c := serve(t, `yes | head -c 3000000`)
	a, err := c.Ask(t.Context(), smartapi.Request{Node: "/dev/sda", Do: smartapi.Report})
	if err == nil && a.Status == 0 || len(a.Output) > errand.MostOutput {
		t.Errorf("status %d, %d bytes, %v", a.Status, len(a.Output), err)
	}
}
