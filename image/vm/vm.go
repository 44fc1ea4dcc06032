// Package vm boots an image in QEMU, the way a customer's machine would: from a CD or a USB stick, by BIOS or UEFI.
//
// It owns one QEMU process per [VM], the process's serial console and its control connection (QMP), and the files it makes in
// [Config.Dir]: serial.log (all the guest wrote, raw), qemu.log (what QEMU itself complained of), uefi-vars.fd (the
// machine's UEFI variables, kept from one start to the next), and disk files that did not exist yet.
//
//	m, err := vm.Start(ctx, vm.Config{Dir: t.TempDir(), Image: "build/vigie.iso", Accel: vm.Probe(ctx, "build/vmlinuz"),
//		Disks: []vm.Disk{{ID: "data0", SizeBytes: 4 << 30, Serial: "DATA0"}},
//		OEMStrings: []string{"vigie.format=blank"},
//		Netns: "lab", NICs: []vm.NIC{{ID: "net0", MAC: "52:54:00:00:00:01", Tap: "tap0"}}})
//	defer m.Close()
//	_, err = m.Console().Expect(ctx, regexp.MustCompile(`web: .*https://`))
//
// Invariants: the process never outlives its VM value's [VM.Close], the context given to [Start], or this process; only
// that one process is ever signalled. A guest reaches nothing but this machine: a NIC is either a tap that the caller
// made in a namespace of its own, or user networking with restrict=on.
//
// All methods may be called from several goroutines. The package knows nothing of what the guest runs.
package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netns"
)

// VM is a running machine.
type VM struct {
	cfg     Config
	console *Console
	qmp     *qmp
	process *os.Process
	exited  chan struct{} // closed once the process is reaped; exitErr is set before
	exitErr error
	faults  sync.Mutex // held while disks begin or cease to fail
}

// Start starts a machine and returns once its QEMU answers on the control connection; the guest is then at its first
// instruction or beyond. When ctx ends, the machine is killed.
func Start(ctx context.Context, cfg Config) (*VM, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	serial, err := os.OpenFile(filepath.Join(cfg.Dir, "serial.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open serial log: %w", err)
	}
	control, theirs, err := controlPair()
	if err != nil {
		serial.Close()
		return nil, err
	}
	v := &VM{cfg: cfg, console: newConsole(serial), exited: make(chan struct{})}
	started := make(chan error, 1)
	go v.run(ctx, theirs, started)
	if err := <-started; err != nil {
		control.Close()
		return nil, err
	}
	if v.qmp, err = v.greet(ctx, control); err != nil {
		v.Kill()
		return nil, fmt.Errorf("%w%s", err, v.complaint())
	}
	return v, nil
}

// run starts the process and waits for it, on a thread of its own: the process is told to die with the thread that
// made it, and inherits the thread's network namespace. The thread is never unlocked, so the runtime discards it.
func (v *VM) run(ctx context.Context, control *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer control.Close()
	defer close(v.exited)
	defer v.console.close()
	if err := enterNetns(v.cfg.Netns); err != nil {
		started <- err
		return
	}
	log, err := os.Create(filepath.Join(v.cfg.Dir, "qemu.log"))
	if err != nil {
		started <- fmt.Errorf("create QEMU log: %w", err)
		return
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", v.cfg.arguments()...)
	// Ctrl-C goes to the whole process group; a machine is to be switched off, not killed, by it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Stdout, cmd.Stderr = v.console, log
	cmd.ExtraFiles = []*os.File{control} // file descriptor 3
	input, err := cmd.StdinPipe()
	if err != nil {
		started <- fmt.Errorf("make console pipe: %w", err)
		return
	}
	v.console.input = input
	if err := cmd.Start(); err != nil {
		started <- fmt.Errorf("start QEMU: %w", err)
		return
	}
	control.Close() // or nobody would notice when QEMU's own end closes
	v.process = cmd.Process
	started <- nil
	v.exitErr = cmd.Wait()
}

// controlPair makes the two ends of QEMU's control connection.
func controlPair() (ours net.Conn, theirs *os.File, err error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make control connection: %w", err)
	}
	theirs = os.NewFile(uintptr(pair[1]), "qmp")
	file := os.NewFile(uintptr(pair[0]), "qmp")
	defer file.Close() // FileConn has its own copy
	if ours, err = net.FileConn(file); err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("make control connection: %w", err)
	}
	return ours, theirs, nil
}

func enterNetns(name string) error {
	if name == "" {
		return nil
	}
	handle, err := netns.GetFromName(name)
	if err != nil {
		return fmt.Errorf("find network namespace %s: %w", name, err)
	}
	defer handle.Close()
	if err := netns.Set(handle); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return nil
}

// greet opens the control connection. QEMU's end was handed to it, so there is nothing to wait for but QEMU itself.
func (v *VM) greet(ctx context.Context, conn net.Conn) (*qmp, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := newQMP(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("QEMU does not start: %w", err)
	}
	return client, nil
}

// Console is the machine's first serial port.
func (v *VM) Console() *Console { return v.console }

// Exited is closed when the machine is off and its process gone.
func (v *VM) Exited() <-chan struct{} { return v.exited }

// Wait blocks until the machine has gone off by itself. A QEMU that was killed or failed is an error.
func (v *VM) Wait(ctx context.Context) error {
	select {
	case <-v.exited:
		if v.exitErr != nil {
			return fmt.Errorf("QEMU: %w%s", v.exitErr, v.complaint())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for power-off: %w", ctx.Err())
	}
}

// Kill cuts the power: QEMU ends without flushing anything of the guest, and is gone on return.
func (v *VM) Kill() {
	_ = v.process.Kill() // fails only when it is gone already
	<-v.exited
	if v.qmp != nil {
		v.qmp.close()
	}
}

// Close ends the machine if it still runs and frees what it holds. The disk files stay.
func (v *VM) Close() error {
	select {
	case <-v.exited:
	default:
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := v.Execute(ctx, "quit", nil, nil); err == nil {
			select {
			case <-v.exited:
			case <-ctx.Done():
			}
		}
	}
	v.Kill()
	return nil
}

// complaint is what QEMU wrote to its standard error, for error messages.
func (v *VM) complaint() string {
	text, err := os.ReadFile(filepath.Join(v.cfg.Dir, "qemu.log"))
	if err != nil || len(text) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(text[:min(len(text), 2000)]))
}
