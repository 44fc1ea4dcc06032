// Command bench measures the recording chain beside its floor.
//
//	go run ./tools/bench [-cameras 10,50,100] [-duration 30s] [-bitrate 4000000] [-search] [-viewers 50] [-profile FOLDER] [-binary build/vigie] [-dir build/bench] [-own=false]
//
// For each number of cameras it records that many simulated ones with the engine, and then has a program without any
// thought in it take the same cameras' bytes from as many sockets to as many files: what the kernel alone costs. Both
// get the same packets from the same server in the same rhythm, on the same file system. Only the engine's own process is
// counted, and the floor's, which takes a minute at most: the cameras run in this one. It prints processor time per GB of video, memory, how long a frame
// took to be on disk at worst, and how many frames sent are not in the recordings, which it reads back with ffmpeg: that must
// be none, else it fails. Whether the goal is reached is told in words.
//
// With -viewers that many watch live while it records, by WebSocket as browsers do, some of them badly; what they got is told too.
//
// The volume is a file system of its own, as a recorder's are (XFS in a file, which takes root; -own=false: a folder, where
// each file must be synced by itself). With -search it goes on beyond the numbers given, to the largest that loses nothing.
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
	if len(args) > 0 {
		if other := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
			floorCommand: floor, relayCommand: benchRelay, libraryCommand: library}[args[0]]; other != nil {
			run, args = other, args[1:]
		}
	}
	if err := run(ctx, args, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		stop()
		os.Exit(1)
	}
}

// maxCameras is the most that are simulated.
const maxCameras = 1000

type options struct {
	counts   []int
	duration time.Duration
	bitrate  int
	binary   string
	dir      string
	profile  string
	own      bool
	search   bool
	viewers  int
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
	fs.StringVar(&o.profile, "profile", "", "`folder` for profiles of the engine's time and memory with each number of cameras; empty: none")
	fs.BoolVar(&o.own, "own", os.Geteuid() == 0, "record to a file system of its own")
	fs.IntVar(&o.viewers, "viewers", 0, "how many watch the cameras live meanwhile: one in ten slowly, one in ten not reading at all")
	fs.BoolVar(&o.search, "search", false, "look for the largest number of cameras that loses nothing")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.viewers < 0 || o.viewers > 256 {
		return o, fmt.Errorf("-viewers %d: want 0 to 256", o.viewers)
	}
	if o.duration < time.Second || o.duration > time.Hour {
		return o, fmt.Errorf("-duration %v: want 1s to 1h", o.duration)
	}
	for text := range strings.SplitSeq(*cameras, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxCameras {
			return o, fmt.Errorf("-cameras %s: want numbers from 1 to %d", *cameras, maxCameras)
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
	fmt.Fprintf(stdout, "CPU: seconds per GB of video, user + system = sum. To disk: from a frame's coming until it cannot be lost, at worst.\n")
	fmt.Fprintf(stdout, heading, "cameras", "MB/s", "engine CPU", "floor CPU", "ratio", "RSS MB", "peak", "to disk", "lost", "late reads")
	var lost int
	one := func(n int) (result, error) {
		r, err := measure(ctx, o, store, n)
		if err != nil {
			return r, fmt.Errorf("%d cameras: %w", n, err)
		}
		fmt.Fprintf(stdout, heading, strconv.Itoa(n), fmt.Sprintf("%.1f", r.engine.rate()/1e6), r.engine, r.floor,
			fmt.Sprintf("%.2f", r.ratio()), fmt.Sprintf("%.0f", r.rss/1e6), fmt.Sprintf("%.0f", r.peak/1e6), r.toDisk.String(),
			strconv.Itoa(r.lost), strconv.FormatInt(r.overflows, 10))
		if o.viewers > 0 {
			fmt.Fprintln(stdout, "  "+r.viewers)
		} else {
			fmt.Fprintln(stdout, "  "+verdict(n, r)) // the goal is for recording alone
		}
		return r, nil
	}
	largest := 0
	for _, n := range o.counts {
		r, err := one(n)
		if err != nil {
			return err
		}
		if lost += r.lost; r.lost == 0 && r.overflows == 0 {
			largest = max(largest, n)
		}
	}
	if lost > 0 {
		return fmt.Errorf("%d frames lost", lost)
	}
	if o.search {
		largest, err := search(largest, func(n int) (bool, error) {
			r, err := one(n)
			if err != nil && ctx.Err() == nil { // more than the machine can bear, to the point of not stopping in time
				fmt.Fprintf(stdout, "  %v\n", firstLine(err))
				return false, nil
			}
			return r.lost == 0 && r.overflows == 0, err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "the largest number of cameras that loses nothing: %d\n", largest)
	}
	return nil
}

// firstLine is an error without the log that it brings.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

const heading = "%7s %6s %22s %22s %6s %7s %6s %8s %5s %10s\n"

// search finds the largest number for which ok holds, to a twentieth of it, given one for which it does.
func search(good int, ok func(n int) (bool, error)) (int, error) {
	good = max(good, 1)
	bad := 0
	for bad == 0 || bad-good > max(1, good/20) {
		n := good + max(1, good/2)
		if bad != 0 {
			n = (good + bad) / 2
		}
		if n > maxCameras {
			return good, nil
		}
		fine, err := ok(n)
		if err != nil {
			return good, err
		}
		if fine {
			good = n
		} else {
			bad = n
		}
	}
	return good, nil
}

// The goal, which is for up to goalCameras.
const (
	goalPerGB   = 3.8   // CPU seconds
	goalRatio   = 1.5   // to the floor
	goalRSS     = 150e6 // bytes
	goalCameras = 100
)

// verdict says in words whether the goal is reached.
func verdict(n int, r result) string {
	var missed []string
	miss := func(bad bool, format string, args ...any) {
		if bad {
			missed = append(missed, fmt.Sprintf(format, args...))
		}
	}
	miss(r.lost > 0 || r.overflows > 0, "frames are lost")
	miss(r.engine.perGB() > goalPerGB, "%.1f CPU seconds per GB are more than %.1f", r.engine.perGB(), goalPerGB)
	miss(r.ratio() > goalRatio, "%.2f times the floor is more than %.1f", r.ratio(), goalRatio)
	miss(n <= goalCameras && r.rss > goalRSS, "%.0f MB of memory are more than %.0f", r.rss/1e6, goalRSS/1e6)
	if len(missed) == 0 {
		return "goal reached"
	}
	return "goal missed: " + strings.Join(missed, "; ")
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
