// Command init is PID 1 of the appliance, in one static binary that goes by several names:
//
//	/init          first stage, in the initramfs: gets to the root file system and execs /sbin/init there
//	/sbin/init     second stage: mounts, drivers, the service table, supervision, watchdog, shutdown
//	/sbin/modprobe what the kernel calls when it wants a module
//	vigie-launch   the step between init and a service (package launch)
//
// README.md in this folder tells the way from top to bottom. What must never happen here: link net/http, TLS or
// templates, read what a network sent, wait without a limit, or die. A test holds the first; the rest is held by the
// packages below internal/, each of which says how.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"vigie/initramfs/internal/launch"
)

func main() {
	switch name := os.Args[0]; {
	case name == launch.Name:
		fmt.Fprintln(os.Stderr, launch.Main(os.Args[1:]))
		os.Exit(127)
	case filepath.Base(name) == "modprobe":
		os.Exit(modprobe(os.Args[1:], os.Stderr))
	case os.Getpid() != 1:
		fmt.Fprintln(os.Stderr, "init: only the kernel starts this program")
		os.Exit(2)
	case name == "/init":
		firstStage()
	default:
		secondStage()
	}
}
