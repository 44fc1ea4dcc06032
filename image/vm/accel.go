package vm

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
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

// Probe tells whether KVM really runs a guest here. The device may exist, open, and then hang; or it runs a BIOS and
// stops at the first instruction that its host must emulate and does not know. So it starts a kernel, the one that is to be
// run, and waits, for 20 s at most, until that has come to the end of its start-up, where it finds nothing to go on with.
// Anything else means TCG.
func Probe(ctx context.Context, kernel string) Accel {
	node, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return TCG
	}
	node.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	args := append([]string{"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "q35", "-m", "256", "-smp", "2",
		"-kernel", kernel, "-append", "console=ttyS0 panic=-1", "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"}, KVM.arguments()...)
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.WaitDelay = time.Second
	serial := newConsole(nil)
	cmd.Stdout, cmd.Stderr = serial, serial
	if err := cmd.Start(); err != nil {
		return TCG
	}
	go func() {
		// A hung process may be past killing; whoever asked must not hang with it, so nobody waits for this.
		_ = cmd.Wait()
		serial.close()
	}()
	defer func() { _ = cmd.Process.Kill() }() // it may have ended by itself
	found, err := serial.Expect(ctx, regexp.MustCompile(`Unable to mount root fs|KVM internal error`))
	if err != nil || strings.HasPrefix(found[0], "KVM") {
		return TCG
	}
	return KVM
}
