// Package site is a place with an appliance in it: a lab network, simulated cameras, and a virtual machine that boots
// the image with data disks. A machine can be booted, switched off and booted again with what is on its disks.
//
// Close ends all of it. A Site serves one goroutine; what it hands out (cameras, ledger, client) serves many.
package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"vigie/image/vm"
	kernelconfig "vigie/kernel-config"
	"vigie/tools/appliance"
	"vigie/tools/lab"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// Config describes a site. Image, Dir and Cameras must be set.
type Config struct {
	Dir       string // for logs and disks; made when missing
	Image     string // the ISO
	Kernel    string // with Initrd, booted directly instead of Image: quicker
	Initrd    string
	Line      string // what the kernel's command line has besides, then
	Medium    vm.Medium
	Firmware  vm.Firmware
	Chipset   vm.Chipset
	Accel     vm.Accel
	MemoryMiB int
	DiskBytes []int64  // sizes of the blank data disks; QEMU knows them as data0, data1, …, the machine as DATA0, …
	Buses     []vm.Bus // of the disks of DiskBytes, in their order; those without one are virtio
	Sockets   []string // of block servers that have data disks, instead of files; they come after those of DiskBytes
	Options   []string
	NICs      int      // of the machine, all on the lab's bridge: net0, net1, …; 0 means one
	NIC       string   // QEMU's name of those cards' model; virtio unless set
	Cables    []vm.NIC // of the machine, that lead elsewhere than to the bridge of the lab
	Cameras   []rtspcam.Config
	Book      *ledger.Book // what the cameras sent; nil: no note is taken
	Island    bool         // the machine has a second NIC, on a network of its own (see lab.Island)
	Listen    string       // loopback address at which the web admin appears; default 127.0.0.1:0
}

// Site is an open site.
type Site struct {
	Lab     *lab.Lab
	Cameras *rtspcam.Server
	VM      *vm.VM // nil while the machine is off
	// Swapped has the machine find its NICs in the opposite order, from the next boot on.
	Swapped bool
	// FromDisk has the machine start without a medium, from its disks, from the next boot on.
	FromDisk bool
	// DisksFirst has the firmware try the disks before the medium, from the next boot on.
	DisksFirst bool
	// Firmware is that of the next boot; at first that of the Config.
	Firmware vm.Firmware
	// RTC is what the machine's battery clock says when it is switched on next, as 2019-03-01T12:00:00; empty: the time.
	RTC string
	// Stick is a file that is the content of a USB stick, which is in the machine from the next boot on; empty: there is none.
	Stick string
	// Disc is an ISO image in a CD drive of its own, from the next boot on; empty: there is no such drive.
	Disc string
	// Board is the UUID of the machine's board, from the next boot on; empty: it has none.
	Board string

	cfg    Config
	log    *slog.Logger
	island lab.Machine
	web    net.Addr
	booted context.CancelFunc
}

// rtspPort is where the cameras listen in the lab.
const rtspPort = 554

// Open makes the network and switches the cameras on; the machine is still off.
func Open(ctx context.Context, log *slog.Logger, cfg Config) (_ *Site, err error) {
	s := &Site{cfg: cfg, log: log, Firmware: cfg.Firmware}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of the site: %w", err)
	}
	store, err := content.NewStore("")
	if err != nil {
		return nil, err
	}
	cameras, err := rtspcam.New(ctx, log, store, cfg.Book, cfg.Cameras...)
	if err != nil {
		return nil, err
	}
	if s.Lab, err = lab.Open(ctx, log, cfg.Dir, max(cfg.NICs, 1)); err != nil {
		return nil, err
	}
	if cfg.Island {
		if s.island, err = s.Lab.Island(cfg.Dir); err != nil {
			return nil, err
		}
	}
	cameras.Listen = s.Lab.Listen
	if err := cameras.Open(netip.AddrPortFrom(lab.Host(), rtspPort).String()); err != nil {
		return nil, err
	}
	s.Cameras = cameras
	listen := cfg.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	s.web, err = s.Lab.Forward(listen, netip.AddrPortFrom(lab.MachineAt(0).Addr, 443).String())
	return s, err
}

// URL is the address of the web admin on this machine.
func (s *Site) URL() string { return "https://" + s.web.String() + "/" }

// ConsoleLog is the file with all that the machine wrote to its serial port.
func (s *Site) ConsoleLog() string { return filepath.Join(s.cfg.Dir, "vm", "serial.log") }

// Boot switches the machine on and waits until web has said on the console how to log in.
func (s *Site) Boot(ctx context.Context) (appliance.Greeting, error) {
	if err := s.SwitchOn(ctx); err != nil {
		return appliance.Greeting{}, err
	}
	machine, screen := s.VM, appliance.NewScreen()
	if _, err := machine.Console().Expect(ctx, regexp.MustCompile(`first set-up: enter code|administrator is set`)); err != nil {
		return appliance.Greeting{}, err
	}
	// the rest of that line
	if _, err := machine.Console().Expect(ctx, regexp.MustCompile(`\n`)); err != nil {
		return appliance.Greeting{}, err
	}
	if _, err := io.WriteString(screen, machine.Console().Text()); err != nil {
		return appliance.Greeting{}, err
	}
	return screen.Greeting(ctx)
}

// SwitchOn switches the machine on, and waits for nothing.
func (s *Site) SwitchOn(ctx context.Context) error {
	cfg := vm.Config{
		Dir: filepath.Join(s.cfg.Dir, "vm"), Image: s.cfg.Image, Medium: s.cfg.Medium, Firmware: s.Firmware, Chipset: s.cfg.Chipset,
		Accel: s.cfg.Accel, MemoryMiB: s.cfg.MemoryMiB, OEMStrings: s.cfg.Options, Watchdog: true,
		Netns: s.Lab.Name(), Stick: s.Stick, Disc: s.Disc, DisksFirst: s.DisksFirst,
	}
	for i := range max(s.cfg.NICs, 1) {
		m := lab.MachineAt(i)
		// A speed is what cards have; without one no LACP works.
		cfg.NICs = append(cfg.NICs, vm.NIC{ID: fmt.Sprintf("net%d", i), MAC: m.MAC, Tap: m.Tap, Model: cmp.Or(s.cfg.NIC, "virtio-net-pci,speed=1000,duplex=full")})
	}
	cfg.NICs = append(cfg.NICs, s.cfg.Cables...)
	if s.cfg.Island {
		cfg.NICs = append(cfg.NICs, vm.NIC{ID: "island", MAC: s.island.MAC, Tap: s.island.Tap})
	}
	if s.Swapped {
		slices.Reverse(cfg.NICs)
	}
	if s.Board != "" {
		cfg.Extra = append(cfg.Extra, "-uuid", s.Board)
	}
	if s.RTC != "" {
		cfg.Extra = append(cfg.Extra, "-rtc", "base="+s.RTC)
	}
	for i, size := range s.cfg.DiskBytes {
		d := vm.Disk{ID: fmt.Sprintf("data%d", i), SizeBytes: size, Format: "raw", Serial: fmt.Sprintf("DATA%d", i)}
		if i < len(s.cfg.Buses) {
			d.Bus = s.cfg.Buses[i]
		}
		cfg.Disks = append(cfg.Disks, d)
	}
	if s.cfg.Kernel != "" {
		line, err := kernelconfig.CommandLine()
		if err != nil {
			return err
		}
		cfg.Image, cfg.Kernel, cfg.Initrd, cfg.CommandLine = "", s.cfg.Kernel, s.cfg.Initrd, strings.TrimSpace(line+" "+s.cfg.Line)
	}
	if s.FromDisk {
		cfg.Image, cfg.Kernel, cfg.Initrd, cfg.CommandLine, cfg.FromDisk = "", "", "", "", true
	}
	for _, socket := range s.cfg.Sockets {
		n := len(cfg.Disks)
		cfg.Disks = append(cfg.Disks, vm.Disk{ID: fmt.Sprintf("data%d", n), Socket: socket, Format: "raw", Serial: fmt.Sprintf("DATA%d", n)})
	}
	running, off := context.WithCancel(context.WithoutCancel(ctx)) // the machine outlives this call
	machine, err := vm.Start(running, cfg)
	if err != nil {
		off()
		return err
	}
	s.VM, s.booted = machine, off
	return nil
}

// Greeting waits until the console greets with the web admin at the address that DHCP gives to the first card, and so with
// the certificate that is seen at URL.
func (s *Site) Greeting(ctx context.Context) (appliance.Greeting, error) {
	for {
		screen := appliance.NewScreen()
		if _, err := io.WriteString(screen, s.VM.Console().Text()); err != nil {
			return appliance.Greeting{}, err
		}
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		g, err := screen.GreetingAt(soon, "https://"+lab.MachineAt(0).Addr.String()+"/")
		cancel()
		if err == nil || ctx.Err() != nil {
			return g, err
		}
	}
}

// PowerOff presses the power button and waits until the machine is off; it returns how long that took.
func (s *Site) PowerOff(ctx context.Context) (time.Duration, error) {
	if s.VM == nil {
		return 0, errors.New("the machine is off")
	}
	start := time.Now()
	if err := s.VM.PowerButton(ctx); err != nil {
		return 0, err
	}
	if err := s.VM.Wait(ctx); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, s.off()
}

// Cut cuts the machine's power.
func (s *Site) Cut() error {
	if s.VM == nil {
		return nil
	}
	s.VM.Kill()
	return s.off()
}

func (s *Site) off() error {
	err := s.VM.Close()
	s.booted()
	s.VM = nil
	return err
}

// Close ends machine, cameras and network.
func (s *Site) Close() error {
	var errs []error
	if s.VM != nil {
		errs = append(errs, s.off())
	}
	if s.Cameras != nil {
		s.Cameras.Close()
	}
	if s.Lab != nil {
		errs = append(errs, s.Lab.Close())
	}
	return errors.Join(append(errs, s.cfg.Book.Flush())...)
}
