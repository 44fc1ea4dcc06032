package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/vishvananda/netns"
)

// onThread runs f on an operating-system thread of its own, which ends with f: f may leave it in another namespace.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked, so that the runtime throws the thread away
		f()
	}()
}

// do runs f inside the namespace and waits for it.
func (l *Lab) do(f func() error) error {
	done := make(chan error, 1)
	onThread(func() {
		if err := netns.Set(l.ns); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	})
	return <-done
}

// start runs a program inside the namespace until the lab closes; it also dies with this process. Its output goes to
// a file. A program that ends within its first moments is an error; one that ends later is logged.
func (l *Lab) start(logFile, name string, args ...string) error {
	out, err := os.Create(logFile)
	if err != nil {
		return fmt.Errorf("create log of %s: %w", name, err)
	}
	path, err := lookPath(name)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	started, ended := make(chan error, 1), make(chan struct{})
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	// the thread that starts the program lives as long as the program, since the signal comes when the thread dies
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for us alone
	l.wg.Add(1)
	onThread(func() {
		defer l.wg.Done()
		defer close(ended)
		defer out.Close()
		if err := netns.Set(l.ns); err != nil {
			started <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", name, err)
			return
		}
		started <- nil
		if err := cmd.Wait(); l.ctx.Err() == nil {
			l.log.Error("program of the lab ended", "program", name, "err", err, "log", logFile)
		}
	})
	if err := <-started; err != nil {
		return err
	}
	l.atClose(func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		return nil
	})
	select {
	case <-ended:
		text, _ := os.ReadFile(logFile)
		return fmt.Errorf("%s ended at once: %s", name, text)
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}

// lookPath finds a program, also in the folders for administrators that are not in everybody's PATH.
func lookPath(name string) (string, error) {
	for _, p := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s is not installed (run tools/setup)", name)
}
