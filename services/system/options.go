package system

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

// options are the service's flags.
type options struct {
	socket  string
	init    string
	volumes string
	runDir  string
	resolv  string
	smart   string
	engine  string
	raid    string
	web     string
	observe bool
	network bool     // with observe: but run the network
	dirs    []string // with -observe: directories reported as mounted volumes
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("system", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.socket, "socket", "/run/vigie/system/api.sock", "unix `socket` of the API")
	f.StringVar(&o.init, "init", "/run/vigie/init/control.sock", "control `socket` of init; empty: none")
	f.StringVar(&o.volumes, "volumes", "/volumes", "`folder` in which data volumes are mounted")
	f.StringVar(&o.runDir, "run", "/run/vigie/system", "`folder` for what must survive a restart of the service, but not of the machine")
	f.StringVar(&o.resolv, "resolv", "/run/resolv.conf", "`file` that gets the DNS servers")
	f.StringVar(&o.raid, "raid", "/run/vigie/raid/ask.sock", "`socket` of the raid service")
	f.StringVar(&o.smart, "smart", "/run/vigie/smart/ask.sock", "`socket` of the smart service")
	f.StringVar(&o.engine, "engine", "/run/vigie/engine/api.sock", "`socket` of the engine, which is asked what it records before and after an update")
	f.StringVar(&o.web, "web", "/run/vigie/web/console.sock", "`socket` of the web service for the console, which makes the account of an answer file")
	f.BoolVar(&o.observe, "observe", false, "report only, change nothing (for development)")
	f.BoolVar(&o.network, "network", false, "with -observe: run the network all the same, with virtual Ethernet for cards (for a namespace of a test)")
	f.Func("volume", "with -observe: report this `folder` as a mounted volume (repeatable)", func(dir string) error {
		abs, err := filepath.Abs(dir)
		o.dirs = append(o.dirs, abs)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if len(o.dirs) > 0 && !o.observe {
		return o, errors.New("-volume is for -observe only; disks are found by themselves otherwise")
	}
	if o.network && !o.observe {
		return o, errors.New("-network is for -observe only; a machine's network is run otherwise")
	}
	return o, nil
}

// watchNetwork says that the network is not ours to change.
func (o options) watchNetwork() bool { return o.observe && !o.network }

// cards tells which links are NICs; nil: those of hardware.
func (o options) cards() func(netlink.Link) bool {
	if !o.network {
		return nil
	}
	return func(l netlink.Link) bool { return l.Type() == "veth" }
}
