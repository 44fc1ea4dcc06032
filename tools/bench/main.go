// Command bench measures the recording chain beside its floor.
//
//	go run ./tools/bench [-cameras 10,50,100] [-duration 30s] [-bitrate 4000000] [-binary build/vigie] [-dir build/bench]
//
// For each number of cameras it records that many simulated ones with the engine, and then has a program without any
// thought in it take the same cameras' bytes from as many sockets to as many files: what the kernel alone costs. Both
// get the same packets from the same server in the same rhythm. It prints processor time per GB of video, memory, and
// how many frames sent are not in the recordings, which it reads back with ffmpeg: that must be none, else it fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	run := bench
	args := os.Args[1:]
	if len(args) > 0 && args[0] == floorCommand {
		run, args = floor, args[1:]
	}
	if err := run(ctx, args, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		stop()
		os.Exit(1)
	}
}

type options struct {
	counts   []int
	duration time.Duration
	bitrate  int
	binary   string
	dir      string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	cameras := fs.String("cameras", "10,50,100", "`numbers` of cameras, one measurement each")
	fs.DurationVar(&o.duration, "duration", 30*time.Second, "how long to measure, each time")
	fs.IntVar(&o.bitrate, "bitrate", 4_000_000, "`bits` per second and camera")
	fs.StringVar(&o.binary, "binary", "build/vigie", "the services' `program`")
	fs.StringVar(&o.dir, "dir", "build/bench", "`folder` to record to; emptied before and after")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.duration < time.Second || o.duration > time.Hour {
		return o, fmt.Errorf("-duration %v: want 1s to 1h", o.duration)
	}
	for text := range strings.SplitSeq(*cameras, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return o, fmt.Errorf("-cameras %s: want numbers from 1 to 1000", *cameras)
		}
		o.counts = append(o.counts, n)
	}
	return o, nil
}

func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	store, err := content.NewStore("")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "H.264 1920x1080, 25 frames/s, %.1f Mbit/s, %v each\n", float64(o.bitrate)/1e6, o.duration)
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "cameras\tMB/s\tengine CPU s/GB\tfloor CPU s/GB\tratio\tengine RSS MB\tpeak\tlost frames\tlate reads\t")
	var lost int
	for _, n := range o.counts {
		r, err := measure(ctx, o, store, n)
		if err != nil {
			return fmt.Errorf("%d cameras: %w", n, err)
		}
		lost += r.lost
		fmt.Fprintf(table, "%d\t%.1f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%d\t%d\t\n", n, r.engine.rate()/1e6,
			r.engine.perGB(), r.floor.perGB(), r.engine.perGB()/r.floor.perGB(), r.rss/1e6, r.peak/1e6, r.lost, r.overflows)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%d frames lost", lost)
	}
	return nil
}

// serve switches on n cameras that share one content.
func serve(ctx context.Context, o options, store *content.Store, n int) (*rtspcam.Server, error) {
	video := &content.Video{Codec: content.H264, Width: 1920, Height: 1080, FPS: 25, GOP: 50, Bitrate: o.bitrate, Label: "BENCH"}
	var list []rtspcam.Config
	for i := range n {
		list = append(list, rtspcam.Config{ID: fmt.Sprintf("cam%d", i), Video: video, SpreadGOPs: true})
	}
	s, err := rtspcam.New(ctx, slog.New(slog.DiscardHandler), store, ledger.New(nil), list...)
	if err != nil {
		return nil, err
	}
	return s, s.Open("127.0.0.1:0")
}
