package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/services/engine/engineapi"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/stack"
)

// cost is what a process took for some bytes.
type cost struct {
	cpu   cpu
	bytes int64
	took  time.Duration
}

// cpu is a process's time on a processor.
type cpu struct{ user, system time.Duration }

func (c cost) gigabytes() float64 { return float64(c.bytes) / 1e9 }
func (c cost) perGB() float64     { return (c.cpu.user + c.cpu.system).Seconds() / c.gigabytes() }
func (c cost) String() string {
	return fmt.Sprintf("%.2f + %.2f = %.2f", c.cpu.user.Seconds()/c.gigabytes(), c.cpu.system.Seconds()/c.gigabytes(), c.perGB())
}
func (c cost) rate() float64 { return float64(c.bytes) / c.took.Seconds() }

// result is one line of the table.
type result struct {
	engine, floor cost
	rss, peak     float64       // bytes
	toDisk        time.Duration // a frame's way to the disk, at worst
	lost          int
	overflows     int64
	viewers       string // what they got
}

func (r result) ratio() float64 { return r.engine.perGB() / r.floor.perGB() }

func measure(ctx context.Context, o options, store *content.Store, n int) (r result, err error) {
	if err := measureEngine(ctx, o, store, n, &r); err != nil {
		return r, fmt.Errorf("engine: %w", err)
	}
	if err := measureFloor(ctx, o, store, n, &r); err != nil {
		return r, fmt.Errorf("floor: %w", err)
	}
	return r, nil
}

func measureEngine(ctx context.Context, o options, store *content.Store, n int, r *result) (err error) {
	s, err := serve(ctx, o, store, n)
	if err != nil {
		return err
	}
	defer s.Close()
	dir, err := os.MkdirTemp("", "vigie") // a socket's path must be short
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	volume, discard, err := newVolume(ctx, o, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discard()) }()
	cfg := stack.Config{Binary: o.binary, Dir: dir, Volumes: []string{volume}}
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return err
		}
		cfg.Engine = []string{"-cpuprofile", filepath.Join(o.profile, fmt.Sprintf("engine-%d.pprof", n))}
	}
	services, err := stack.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	client := engineapi.New(services.Socket(stack.Engine))
	defer client.Close()
	ids := make(map[string]*rtspcam.Camera)
	plan := api.RecordingPlan{PreMb: 2, PostSeconds: 10, SegmentSeconds: 300, SegmentMb: 1024, // nothing is kept from before alarms
		Standard: api.RecordingRule{Calendar: "always", Streams: []api.StreamName{api.StreamNameMain}},
		Alarm:    api.RecordingRule{Calendar: "never", Streams: []api.StreamName{}}}
	for _, c := range s.Cameras() {
		added, err := client.AddCamera(ctx, api.CameraRequest{Name: c.ID(), URL: s.URL(c), Enabled: true, Recording: &plan})
		if err != nil {
			return err
		}
		ids[added.ID] = c
	}
	if err := untilAllRecorded(ctx, client, n); err != nil {
		return err
	}
	watched := attend(ctx, services.Socket(stack.Engine), slices.Sorted(maps.Keys(ids)), o.viewers)
	defer watched.leave()
	pid := services.PID(stack.Engine)
	r.engine, err = during(ctx, o.duration, s, pid)
	if err != nil {
		return err
	}
	if r.rss, r.peak, err = memory(pid); err != nil {
		return err
	}
	r.overflows = s.Overflows()
	got, err := watched.leave()
	if err != nil {
		return err
	}
	words, faults := report(got)
	r.viewers = strings.Join(append([]string{words}, faults...), "; ")
	if err := services.Stop(stack.Engine); err != nil { // closes the files
		return err
	}
	if r.toDisk, err = slowest(services.Log(stack.Engine)); err != nil {
		return err
	}
	var lost atomic.Int64
	counting, ctx := errgroup.WithContext(ctx)
	counting.SetLimit(runtime.NumCPU())
	for id, c := range ids {
		counting.Go(func() error {
			n, err := missing(ctx, filepath.Join(volume, "vigie", "rec", id), c.Sent())
			lost.Add(int64(n))
			return err
		})
	}
	if err := counting.Wait(); err != nil {
		return err
	}
	if r.lost = int(lost.Load()); r.lost == 0 {
		return nil
	}
	text, err := os.ReadFile(services.Log(stack.Engine))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d frames are lost of %d cameras; %s is what the engine said\n", r.lost, n, lossLog)
	return os.WriteFile(lossLog, text, 0o644)
}

// lossLog keeps the engine's log of a run that lost frames.
const lossLog = "build/bench-engine.log"

func untilAllRecorded(ctx context.Context, client *engineapi.Client, n int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		list, err := client.Cameras(ctx)
		if err != nil {
			return err
		}
		ready, reason := 0, ""
		for _, c := range list {
			if c.State.Recording {
				ready++
			} else {
				reason = fmt.Sprintf("%s is %s: %s %s", c.Name, c.State.Status, c.State.Reason, c.State.RecordingReason)
			}
		}
		if ready == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d cameras are recorded; %s", ready, n, reason)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// during takes the cost of a process over a time.
func during(ctx context.Context, d time.Duration, s *rtspcam.Server, pid int) (cost, error) {
	select {
	case <-ctx.Done():
		return cost{}, ctx.Err()
	case <-time.After(3 * time.Second): // what starting costs is over
	}
	start := time.Now()
	before, err := cpuTime(pid)
	if err != nil {
		return cost{}, err
	}
	select {
	case <-ctx.Done():
		return cost{}, ctx.Err()
	case <-time.After(d):
	}
	after, err := cpuTime(pid)
	end := time.Now()
	if err != nil {
		return cost{}, err
	}
	c := cost{cpu: cpu{after.user - before.user, after.system - before.system}, took: end.Sub(start)}
	for _, cam := range s.Cameras() {
		for _, f := range cam.Sent() {
			if at := f.Capture(); f.Readers > 0 && !at.Before(start) && at.Before(end) {
				c.bytes += int64(f.Size)
			}
		}
	}
	if c.bytes == 0 {
		return c, errors.New("nothing was sent")
	}
	return c, nil
}

// missing counts the frames of one camera that are not in its files: sent from the first recorded frame on, up to
// the last recorded one.
func missing(ctx context.Context, folder string, sent []ledger.Frame) (int, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	var all []stamp.Stamp
	for _, f := range files {
		stamps, frames, err := recorded.Stamps(ctx, f)
		if err != nil {
			return 0, err
		}
		if frames != len(stamps) {
			return 0, fmt.Errorf("%s: %d frames, %d stamps", f, frames, len(stamps))
		}
		all = append(all, stamps...)
	}
	report := ledger.Compare(sent, all)
	if report.Recorded == 0 {
		return 0, fmt.Errorf("%s: nothing recorded", folder)
	}
	return len(report.Missing) + len(report.Repeated) + len(report.Disordered) + len(report.Unknown), nil
}

// floorTime is how long the floor is measured at most: the same few calls over and over cost no more later.
const floorTime = time.Minute

func measureFloor(ctx context.Context, o options, store *content.Store, n int, r *result) (err error) {
	o.duration = min(o.duration, floorTime)
	s, err := serve(ctx, o, store, n)
	if err != nil {
		return err
	}
	defer s.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	folder, discard, err := newVolume(ctx, o, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discard()) }()
	args := []string{floorCommand, folder}
	for _, c := range s.Cameras() {
		args = append(args, s.URL(c))
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	}() // before the volume goes
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, c := range s.Cameras() {
		if err := c.WaitReaders(waiting, 1); err != nil {
			return err
		}
	}
	r.floor, err = during(ctx, o.duration, s, cmd.Process.Pid)
	return err
}

// cpuTime is a process's time on a processor so far (proc(5), /proc/pid/stat fields 14 and 15).
func cpuTime(pid int) (c cpu, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, fmt.Errorf("processor time: %w", err)
	}
	_, rest, ok := strings.Cut(string(text), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return c, fmt.Errorf("processor time: unexpected %q", text)
	}
	for i, d := range []*time.Duration{&c.user, &c.system} {
		v, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return c, fmt.Errorf("processor time: %w", err)
		}
		*d = time.Duration(v) * time.Second / 100 // USER_HZ is 100 on all Linux that matters
	}
	return c, nil
}

// slowest finds what the engine says about a frame's way to the disk when it lets go of its volume.
func slowest(log string) (time.Duration, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), "slowestMs=")
	digits, _, _ := strings.Cut(rest, "\n")
	ms, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return 0, errors.New("the engine does not say how long frames took to the disk")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// memory is a process's resident memory now and at its peak, in bytes.
func memory(pid int) (now, peak float64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("memory: %w", err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		if len(fields) < 2 || fields[0] != "VmRSS:" && fields[0] != "VmHWM:" {
			continue
		}
		kb, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory: %w", err)
		}
		if fields[0] == "VmRSS:" {
			now = kb * 1024
		} else {
			peak = kb * 1024
		}
	}
	return now, peak, nil
}
