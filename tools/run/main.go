// Command run lets a newcomer try the appliance: it boots build/vigie.iso in a virtual machine with two blank data
// disks, beside four simulated cameras, in a network that leads nowhere else, and says how to log in.
//
//	go run ./tools/run [-setup api|manual] [-listen 127.0.0.1:8443] [-firmware bios|uefi] [-image build/vigie.iso]
//
// With -setup api, the default, it does the first set-up and adds the cameras through the public API, as a person
// would in the browser, and prints the password it chose; with manual it prints the one-time code and the cameras'
// addresses instead. Everything it makes is in build/run and goes with the next run.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/site"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, context.Canceled) {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "run:", err)
		}
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(stderr)
	setup := fs.String("setup", "api", "who does the first set-up: `api` (this program) or manual (you)")
	listen := fs.String("listen", "127.0.0.1:8443", "loopback `address` of the web admin")
	firmware := fs.String("firmware", string(vm.BIOS), "`firmware` of the machine: bios, uefi or secure-boot")
	image := fs.String("image", "build/vigie.iso", "the `ISO` to boot")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *setup != "api" && *setup != "manual" {
		return fmt.Errorf("-setup %s: want api or manual", *setup)
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make the network of the virtual machine")
	}
	dir := filepath.Join("build", "run")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove what the last run left: %w", err)
	}
	start := time.Now()
	say := func(format string, a ...any) {
		fmt.Fprintf(stdout, "[%5.1f s] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, a...))
	}
	accel := vm.Probe(ctx, filepath.Join(filepath.Dir(*image), "vmlinuz"))
	cameras := site.DemoCameras()
	say("switching on four simulated cameras (the first time ever, their pictures are made: a minute or two)")
	s, err := site.Open(ctx, slog.New(slog.DiscardHandler), site.Config{
		Dir: dir, Image: *image, Firmware: vm.Firmware(*firmware), Accel: accel, DiskBytes: []int64{4 << 30, 4 << 30},
		Options: []string{"vigie.format=blank"}, Cameras: site.Configs(cameras), Listen: *listen,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	say("booting the image in a virtual machine (%s); its console is in build/console.log", accel)
	if err := link(s.ConsoleLog(), filepath.Join("build", "console.log")); err != nil {
		return err
	}
	booting, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	greeting, err := s.Boot(booting)
	if err != nil {
		return err
	}
	client, err := appliance.NewClient(s.URL(), greeting.Fingerprint)
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Until(booting, "the web admin answers", func() (bool, error) {
		var setup api.Setup
		return true, client.Call(booting, http.MethodGet, "/setup", nil, &setup)
	})
	if err != nil {
		return err
	}
	say("the web admin answers")
	if *setup == "manual" {
		fmt.Fprintf(stdout, "\n  Open         %s\n  Set-up code  %s\n", s.URL(), greeting.SetupCode)
		printCameras(stdout, s, cameras)
	} else {
		password := rand.Text()[:16]
		if err := client.SetUp(booting, greeting.SetupCode, "admin", password); err != nil {
			return fmt.Errorf("first set-up: %w", err)
		}
		if err := site.AddDemoCameras(booting, client, s.Cameras, cameras); err != nil {
			return err
		}
		err := client.Until(booting, "all cameras are live and recorded", func() (bool, error) {
			list, err := client.Cameras(booting)
			ready := 0
			for _, c := range list {
				if c.State.Status == api.CameraStateStatusLive && c.State.Recording {
					ready++
				}
			}
			return ready == len(cameras), err
		})
		if err != nil {
			return err
		}
		say("four cameras are live and recorded")
		fmt.Fprintf(stdout, "\n  Open      %s\n  User      admin\n  Password  %s\n", s.URL(), password)
		fmt.Fprintln(stdout, "\n  (The first set-up was done for you with the one-time code from the console; SETUP=manual leaves it to you.)")
	}
	fmt.Fprintf(stdout, "\n  The browser warns that nobody vouches for the certificate, since the appliance made it itself.\n  Its SHA-256 fingerprint must be\n    %s\n    %s\n",
		greeting.Fingerprint[:47], greeting.Fingerprint[48:])
	fmt.Fprintln(stdout, "\n  Ctrl-C presses the power button and cleans up.")
	select {
	case <-ctx.Done():
	case <-s.VM.Exited():
		say("the machine went off by itself")
		return nil
	}
	say("switching the machine off")
	stopping, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancelStop()
	took, err := s.PowerOff(stopping)
	if err != nil {
		return err
	}
	say("off after %.1f s", took.Seconds())
	return nil
}

func printCameras(w io.Writer, s *site.Site, cameras []site.DemoCamera) {
	fmt.Fprintln(w, "\n  Cameras to add:")
	for _, c := range cameras {
		login := ""
		if c.User != "" {
			login = fmt.Sprintf("  (user %s, password %s)", c.User, c.Pass)
		}
		fmt.Fprintf(w, "    %-10s %s%s\n", c.Name, s.Cameras.URL(s.Cameras.Camera(c.ID)), login)
	}
}

// link makes name point to a file of the run.
func link(target, name string) error {
	rel, err := filepath.Rel(filepath.Dir(name), target)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(rel, name)
}
