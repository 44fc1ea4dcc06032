// Command vigie is every service of the appliance in one binary: one page cache, one build, and still one process,
// user and crash domain for each service. It parses nothing but the name of the sub-command; the service does the rest.
//
// It stops a service by cancelling its context on SIGTERM or SIGINT, and exits 0 when the service returns nil, 1 when
// it fails and 2 when it was called wrongly. What each service does with standard output and error is in DESIGN.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"vigie/internal/version"
	"vigie/services/console"
	"vigie/services/engine"
	"vigie/services/ntp"
	"vigie/services/raid"
	"vigie/services/shell"
	"vigie/services/smart"
	"vigie/services/ssh"
	"vigie/services/system"
	"vigie/services/system/rescue"
	"vigie/services/web"
)

// command is one sub-command.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"system", "NICs, clock, disks, volumes, machine configuration", system.Run},
		{"engine", "cameras, recordings, live, playback", engine.Run},
		{"smart", "asks disks how they are, for system", smart.Run},
		{"raid", "makes and changes arrays of disks, for system", raid.Run},
		{"ntp", "the time, for cameras and other devices", ntp.Run},
		{"shell", "a technician's full shell, while one is permitted", shell.Run},
		{"ssh", "the text console over the network", ssh.Run},
		{"web", "HTTPS, accounts, sessions, the web admin", web.Run},
		{"console", "the text menu on the machine's screen or serial line", console.Run},
		{"verify", "tell whether exported files are as they were exported", engine.Verify},
		{"decode", "become the decoder, confined; started by the engine", engine.Decode},
		{"rescue", "read test, memory test, boot loader and logs, for rescue mode", rescue.Run},
		{"version", "print the version", printVersion},
	}
}

func printVersion(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("version takes no arguments, got %q", args)
	}
	_, err := fmt.Fprintln(stdout, version.Version)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// dispatch runs the sub-command named first in args and returns the exit status.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			err := c.run(ctx, args[1:], stdout, stderr)
			if errors.Is(err, flag.ErrHelp) {
				return 2
			}
			if err != nil {
				fmt.Fprintf(stderr, "vigie %s: %v\n", c.name, err)
				return 1
			}
			return 0
		}
		fmt.Fprintf(stderr, "vigie: no such command: %q\n", args[0])
	}
	var b strings.Builder
	b.WriteString("usage: vigie COMMAND [FLAGS]\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-8s %s\n", c.name, c.about)
	}
	fmt.Fprint(stderr, b.String())
	return 2
}
