// Command simcam serves simulated RTSP cameras, and checks recordings of them against what they sent.
//
//	simcam [-listen HOST:PORT] [-n N] [-camera DESCRIPTION]... [-ledger FILE] [-cache FOLDER] [-multicast RANGE] [-tls]
//	simcam verify -ledger FILE -camera ID recording.mkv...
//
// It prints one URL a line and serves until it gets SIGTERM or SIGINT. Its pictures show a clock that goes with the
// machine's: the second within the minute, the frame within the second, and a block code for programs (see package
// picture). Every frame but of VP8 carries a stamp (package stamp); the ledger has one line for each.
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
	"strings"
	"syscall"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	run := serve
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "verify" {
		run, args = verify, args[1:]
	}
	if err := run(ctx, args, os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "simcam:", err)
		}
		stop()
		os.Exit(1)
	}
}

type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	fs := flag.NewFlagSet("simcam", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	n := fs.Int("n", 1, "number of cameras, each like the last description given")
	ledgerPath := fs.String("ledger", "", "`file` to write the ledger to")
	cache := fs.String("cache", "", "`folder` for encoded content (default: the user's cache folder)")
	listQuirks := fs.Bool("quirks", false, "list the quirks that a camera can have, and end")
	multicast := fs.String("multicast", "", "`range` of groups to offer multicast in, such as 239.192.0.0/24")
	secure := fs.Bool("tls", false, "encrypt, with a certificate made for the occasion (rtsps)")
	var descriptions list
	fs.Var(&descriptions, "camera", "a camera: "+cameraHelp)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *listQuirks {
		fmt.Fprintln(stdout, strings.Join(rtspcam.QuirkNames(), "\n"))
		return nil
	}
	if *n < 1 || *n > 1000 {
		return fmt.Errorf("%d cameras: want 1 to 1000", *n)
	}
	var cameras []rtspcam.Config
	for i := range max(*n, len(descriptions)) {
		text := ""
		if len(descriptions) > 0 {
			text = descriptions[min(i, len(descriptions)-1)]
		}
		cfg, err := parseCamera(text, i+1)
		if err != nil {
			return err
		}
		cameras = append(cameras, cfg)
	}
	var out io.Writer
	if *ledgerPath != "" {
		f, err := os.Create(*ledgerPath)
		if err != nil {
			return fmt.Errorf("create ledger: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	book := ledger.New(out)
	store, err := content.NewStore(*cache)
	if err != nil {
		return err
	}
	s, err := rtspcam.New(ctx, slog.New(slog.NewTextHandler(stderr, nil)), store, book, cameras...)
	if err != nil {
		return err
	}
	s.Transports = rtspcam.Transports{UDP: !*secure, Multicast: *multicast}
	if *secure {
		if s.Transports.TLS, err = rtspcam.SelfSigned(); err != nil {
			return err
		}
	}
	if err := s.Open(*listen); err != nil {
		return err
	}
	for _, c := range s.Cameras() {
		fmt.Fprintln(stdout, s.URL(c))
	}
	<-ctx.Done()
	s.Close()
	if err := book.Flush(); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

func verify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("simcam verify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	ledgerPath := fs.String("ledger", "", "the ledger `file`")
	camera := fs.String("camera", "cam1", "`id` of the camera that was recorded")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *ledgerPath == "" || fs.NArg() == 0 {
		return errors.New("verify needs -ledger and at least one recording, in order of time")
	}
	f, err := os.Open(*ledgerPath)
	if err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	defer f.Close()
	book, err := ledger.Read(f)
	if err != nil {
		return err
	}
	var all []stamp.Stamp
	for _, path := range fs.Args() {
		stamps, frames, err := recorded.Stamps(ctx, path)
		if err != nil {
			return err
		}
		if len(stamps) != frames {
			return fmt.Errorf("%s: %d frames but %d stamps", path, frames, len(stamps))
		}
		all = append(all, stamps...)
	}
	r := ledger.Compare(book.Frames(*camera), all)
	fmt.Fprintf(stdout, "%d frames recorded, from %d to %d\n", r.Recorded, r.First, r.Last)
	return r.Err()
}
