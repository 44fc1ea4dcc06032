// Package smart is the service that asks disks how they are: it runs smartctl, and nothing else (package errand). That
// takes two rights that are worth the whole machine, to send commands to disks (CAP_SYS_RAWIO) and to NVMe controllers
// (CAP_SYS_ADMIN), so it is a process of its own, which no network reaches: it answers root alone (the system service),
// and of a request only a disk's name, a card's number and one of four words pass (package smartapi).
package smart

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"vigie/internal/errand"
	"vigie/services/smart/smartapi"
)

// Run is "vigie smart": it serves until ctx is cancelled.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flag.NewFlagSet("smart", flag.ContinueOnError)
	f.SetOutput(stderr)
	socket := f.String("socket", "/run/vigie/smart/ask.sock", "unix `socket` to answer at")
	program := f.String("smartctl", "/usr/sbin/smartctl", "`path` of smartctl")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return errand.Run(ctx, errand.Config{Socket: *socket, Program: *program, Job: job, Log: slog.New(slog.NewTextHandler(stderr, nil))})
}

// job is smartctl's for a request.
func job(request []byte, _ func(string) bool) (errand.Job, error) {
	var r smartapi.Request
	if err := json.Unmarshal(request, &r); err != nil {
		return errand.Job{}, err
	}
	if err := r.Validate(); err != nil {
		return errand.Job{}, err
	}
	args := []string{"--json"}
	switch r.Do {
	case smartapi.Report:
		args = append(args, "--all", fmt.Sprintf("--nocheck=standby,%d", smartapi.Asleep))
	case smartapi.Short, smartapi.Long:
		args = append(args, "--test="+r.Do)
	case smartapi.Stop:
		args = append(args, "--abort")
	}
	if r.Type != "" {
		args = append(args, "--device="+r.Type)
	}
	return errand.Job{Key: r.Node + " " + r.Type, Args: append(args, r.Node)}, nil
}
