package vm

import (
	"context"
	"errors"
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
// stops at the first instruction that its host must emulate and does not know. So it starts the kernel that is to be
// run, and gives it 20 s. Anything else means TCG.
func Probe(ctx context.Context, kernel string) Accel {
	node, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return TCG
	}
	node.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := BareKernel(ctx, KVM, kernel); err != nil {
		return TCG
	}
	return KVM
}

// BareKernel starts a kernel with nothing to go on with, and returns how long it takes from power-on until it has come to the
// end of its own start-up and says so: what no start of a system with this kernel can be quicker than.
func BareKernel(ctx context.Context, accel Accel, kernel string) (time.Duration, error) {
	args := append([]string{"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", string(Q35), "-m", "256", "-smp", "2",
		"-kernel", kernel, "-append", "console=ttyS0 panic=-1", "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"}, accel.arguments()...)
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.WaitDelay = time.Second
	serial := newConsole(nil)
	cmd.Stdout, cmd.Stderr = serial, serial
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		// A hung process may be past killing; whoever asked must not hang with it, so nobody waits for this.
		_ = cmd.Wait()
		serial.close()
	}()
	defer func() { _ = cmd.Process.Kill() }() // it may have ended by itself
	found, err := serial.Expect(ctx, regexp.MustCompile(`Unable to mount root fs|KVM internal error`))
	if err != nil {
		return 0, err
	}
	if strings.HasPrefix(found[0], "KVM") {
		return 0, errors.New("the accelerator has given up")
	}
	return time.Since(began), nil
}
