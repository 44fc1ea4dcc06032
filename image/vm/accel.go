package vm

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"time"
)

// Accel is how the guest's instructions are run.
type Accel string

// The accelerators.
const (
	TCG Accel = "tcg" // in software, on any machine
	KVM Accel = "kvm" // by the processor
)

func (a Accel) arguments() []string {
	if a == KVM {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max"}
}

// Probe tells whether KVM really runs a guest here: the device may exist, open, and then hang. It starts an empty
// machine and waits, for 10 s at most, until its BIOS has gone through all of its start-up and says that there is
// nothing to boot. Anything else means TCG.
func Probe(ctx context.Context) Accel {
	node, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return TCG
	}
	node.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	args := append([]string{"-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-m", "64",
		// The port on which SeaBIOS tells what it does.
		"-chardev", "stdio,id=bios,signal=off", "-device", "isa-debugcon,iobase=0x402,chardev=bios"}, KVM.arguments()...)
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.WaitDelay = time.Second
	bios := newConsole(nil)
	cmd.Stdout = bios
	if err := cmd.Start(); err != nil {
		return TCG
	}
	go func() {
		// A hung process may be past killing; whoever asked must not hang with it, so nobody waits for this.
		_ = cmd.Wait()
		bios.close()
	}()
	_, err = bios.Expect(ctx, regexp.MustCompile(`No bootable device`))
	if err != nil {
		return TCG
	}
	return KVM
}
