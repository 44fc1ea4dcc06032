// Command demo runs the services on this machine, without a virtual machine, beside four simulated cameras: for
// development. It starts in seconds, and keeps its recordings, accounts and password in build/demo for the next time.
//
//	go run ./tools/demo [-listen 127.0.0.1:8443] [-binary build/vigie] [-decoder build/ffmpeg]
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vigie/tools/appliance"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
	"vigie/tools/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, context.Canceled) {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "demo:", err)
		}
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", "127.0.0.1:8443", "`address` of the web admin")
	binary := fs.String("binary", "build/vigie", "the services' `program`")
	decoder := fs.String("decoder", "build/ffmpeg", "the `program` that makes pictures of video for browsers that cannot")
	// the port stays the same from run to run, since the recorder remembers the cameras' addresses
	cameraAddr := fs.String("cameras", "127.0.0.1:8554", "`address` of the simulated cameras")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	dir := filepath.Join("build", "demo")
	volume := filepath.Join(dir, "volume")
	state := filepath.Join(dir, "state") // what lies in memory on an appliance: gone at each start
	if err := errors.Join(os.RemoveAll(state), os.MkdirAll(state, 0o700), os.MkdirAll(volume, 0o700)); err != nil {
		return fmt.Errorf("make folders: %w", err)
	}
	log := slog.New(slog.DiscardHandler)
	cameras := site.DemoCameras()
	store, err := content.NewStore("")
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "switching on four simulated cameras (the first time ever, their pictures are made: a minute or two)")
	server, err := rtspcam.New(ctx, log, store, nil, site.Configs(cameras)...)
	if err != nil {
		return err
	}
	if err := server.Open(*cameraAddr); err != nil {
		return err
	}
	defer server.Close()
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	services, err := stack.Start(starting, stack.Config{Binary: *binary, Decoder: *decoder, Dir: state, Volumes: []string{volume}, Listen: *listen})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	greeting, err := services.Greeting(starting)
	if err != nil {
		return err
	}
	client, err := appliance.NewClient(greeting.URL, greeting.Fingerprint)
	if err != nil {
		return err
	}
	defer client.Close()
	passwordFile := filepath.Join(dir, "password")
	if greeting.SetupCode != "" {
		password := rand.Text()[:16]
		if err := client.SetUp(starting, greeting.SetupCode, "admin", password); err != nil {
			return fmt.Errorf("first set-up: %w", err)
		}
		if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
			return fmt.Errorf("keep the password: %w", err)
		}
		if err := site.AddDemoCameras(starting, client, server, cameras); err != nil {
			return err
		}
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return fmt.Errorf("read the password of the first start (remove %s to start anew): %w", dir, err)
	}
	fmt.Fprintf(stdout, "\n  Open      %s\n  User      admin\n  Password  %s\n\n  Logs: %s/*.log. Ctrl-C stops.\n", greeting.URL, strings.TrimSpace(string(password)), state)
	<-ctx.Done()
	return nil
}
