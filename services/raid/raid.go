// Package raid is the service that makes, starts and changes arrays of disks: it runs mdadm, and nothing else (package
// errand). mdadm makes device nodes of its own wherever it opens an array (CAP_MKNOD), besides the right to configure
// them (CAP_SYS_ADMIN); no network reaches it: it answers root alone (the system service), and what it is asked for is a
// word, names of disks and of an array, and a level (package raidapi), of which it makes mdadm's arguments itself.
//
// Which disks are meant is for who asks to know: he holds them open meanwhile, so that their names go to no others.
package raid

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vigie/internal/errand"
	"vigie/services/raid/raidapi"
)

// Run is "vigie raid": it serves until ctx is cancelled.
func Run(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flag.NewFlagSet("raid", flag.ContinueOnError)
	f.SetOutput(stderr)
	socket := f.String("socket", "/run/vigie/raid/ask.sock", "unix `socket` to answer at")
	program := f.String("mdadm", "/usr/sbin/mdadm", "`path` of mdadm")
	root := f.String("root", "/", "`folder` in which sys is")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	return errand.Run(ctx, errand.Config{
		Socket: *socket, Program: *program, Env: []string{"MDADM_NO_UDEV=1"}, Aloud: true, Log: log,
		Job: func(request []byte, taken func(string) bool) (errand.Job, error) {
			var r raidapi.Request
			if err := json.Unmarshal(request, &r); err != nil {
				return errand.Job{}, err
			}
			if err := r.Validate(); err != nil {
				return errand.Job{}, err
			}
			log.Info("array", "do", r.Do, "array", r.Array, "disks", strings.Join(r.Devices, " "))
			return job(r, free(*root, taken)), nil
		},
	})
}

// free is the first name that no array has or gets.
func free(root string, taken func(string) bool) string {
	for n := 0; ; n++ {
		name := "md" + strconv.Itoa(n)
		if _, err := os.Stat(filepath.Join(root, "sys/block", name)); err != nil && !taken(name) {
			return name
		}
	}
}

// job is mdadm's for a request; name is that of an array that there is not yet.
func job(r raidapi.Request, name string) errand.Job {
	j := errand.Job{Key: r.Array}
	do := func(args ...string) errand.Job {
		j.Args = append(j.Args, args...)
		return j
	}
	switch r.Do {
	case raidapi.Create:
		j.Key = name
		return do(append(creation(r, node(name)), nodes(r.Devices)...)...)
	case raidapi.Assemble:
		j.Key = name
		do("--assemble", node(name))
		if r.Degraded {
			do("--run")
		}
		if r.Mark != "" {
			do("--update=homehost", "--homehost="+r.Mark)
		}
		return do(nodes(r.Devices)...)
	case raidapi.Stop:
		return do("--stop", node(r.Array))
	case raidapi.Size:
		return do("--grow", node(r.Array), "--size=max")
	case raidapi.Reshape:
		return do("--grow", node(r.Array), "--raid-devices="+strconv.Itoa(r.Members))
	case raidapi.LogOff:
		return do("--grow", node(r.Array), "--consistency-policy=resync")
	case raidapi.LogOn:
		return do("--grow", node(r.Array), "--consistency-policy=ppl")
	case raidapi.Forget:
		j.Key = r.Devices[0]
		return do("--zero-superblock", node(r.Devices[0]))
	case raidapi.Replace:
		return do(node(r.Array), "--replace", node(r.Devices[0]), "--with", node(r.Devices[1]))
	}
	return do(node(r.Array), "--"+r.Do, node(r.Devices[0])) // add, fail, remove
}

// creation: the array is not taken for clean (--assume-clean), and has a bitmap or a partial parity log; see package
// system/internal/md for why. mdadm would make a RAID 5 with its last disk missing and a spare instead, which is filled
// sooner than parity is made, and looks like an array that has lost a disk: hence --force.
func creation(r raidapi.Request, array string) []string {
	args := []string{"--create", array, "--run", "--metadata=1.2", "--homehost=" + r.Mark, "--name=" + r.Name,
		"--level=" + strconv.Itoa(r.Level), "--raid-devices=" + strconv.Itoa(r.Members)}
	switch r.Level {
	case 0:
	case 5:
		args = append(args, "--consistency-policy=ppl", "--force")
	default:
		args = append(args, "--bitmap=internal")
	}
	if spares := len(r.Devices) - r.Members; spares > 0 {
		args = append(args, "--spare-devices="+strconv.Itoa(spares))
	}
	return args
}

func nodes(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = node(n)
	}
	return out
}

func node(name string) string { return "/dev/" + strings.ReplaceAll(name, "!", "/") }
