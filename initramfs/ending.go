package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/mounts"
	"vigie/internal/mountinfo"
)

// The end of the machine, in this order and in less than ten seconds whatever hangs:
//
//  1. services by levels, each with its limit             servicesLimit
//  2. every process that is left is killed                killLimit
//  3. data volumes are unmounted, side by side            until unmountBy
//  4. the watchdog: disarmed for power-off, put off for a restart
//  5. power off, or restart
//
// Steps 1 to 3 can hang in the kernel on a disk that does not answer, so none is waited for beyond its limit, and a
// timer of its own (atLatest) takes step 5 should this order itself get stuck.
const (
	servicesLimit = 7500 * time.Millisecond
	killLimit     = 300 * time.Millisecond
	unmountBy     = 9 * time.Second
	atLatest      = 9500 * time.Millisecond
)

// way is how the machine ends.
type way int

const (
	powerOff way = iota + 1
	reboot
)

// ending is the one place that ends the machine. ask may be called from anywhere, more than once: the first wins.
type ending struct {
	a     *appliance
	asked context.Context // done once ask was called
	mark  context.CancelFunc

	mu   sync.Mutex
	way  way
	at   time.Time
	stop func()
}

func newEnding(a *appliance) ending {
	asked, mark := context.WithCancel(context.Background())
	return ending{a: a, asked: asked, mark: mark}
}

// canStop tells how to stop the services; nothing was started before.
func (e *ending) canStop(stop func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = stop
	if e.way != 0 {
		stop()
	}
}

// ask begins the end.
func (e *ending) ask(w way) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.way != 0 {
		return
	}
	e.way, e.at = w, time.Now()
	time.AfterFunc(atLatest, func() { cut(w) })
	if w == reboot {
		e.a.out.Step("init", "restarting: stopping the services")
	} else {
		e.a.out.Step("init", "powering off: stopping the services")
	}
	if e.stop != nil {
		e.stop()
	}
	e.mark()
}

// wait returns never, but when the machine cannot be ended: it waits for ask and goes through the end. stopped is
// closed when all services have ended.
func (e *ending) wait(stopped <-chan struct{}) {
	<-e.asked.Done()
	e.mu.Lock()
	w, at := e.way, e.at
	e.mu.Unlock()
	select {
	case <-stopped:
	case <-time.After(time.Until(at.Add(servicesLimit))):
		e.a.out.Step("init", "some service does not end, going on without it")
	}
	e.killAll()
	e.unmount(at)
	e.leave(w)
	time.Sleep(time.Minute) // the call above does not return; should it, the caller restarts
}

// killAll ends every process but this one.
func (e *ending) killAll() {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && err != unix.ESRCH {
		e.a.log.Warn("kill what is left", "err", err)
	}
	for deadline := time.Now().Add(killLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if e.a.tree == nil {
			continue
		}
		if populated, err := e.a.tree.Populated(); err == nil && !populated {
			return
		}
	}
}

// unmount unmounts the data volumes. The rest of the table is memory, and the root cannot be written.
func (e *ending) unmount(begun time.Time) {
	mounted, err := mountinfo.Read()
	if err != nil {
		e.a.out.Stepf("volumes", "%v", err)
	}
	targets := slices.DeleteFunc(mounts.Below(mounted, "/volumes"), func(target string) bool { return target == "/volumes" })
	errs := mounts.Unmount(targets, time.Until(begun.Add(unmountBy)), func(target string) error { return unix.Unmount(target, 0) })
	volumes, bad := len(targets), 0
	for _, target := range targets {
		if err := errs[target]; err != nil {
			bad++
			e.a.out.Stepf("volumes", "%v", err)
		}
	}
	switch {
	case volumes > 0 && bad == 0:
		e.a.out.Stepf("volumes", "%d unmounted", volumes)
	case bad > 0:
		e.a.out.Stepf("volumes", "%d of %d not unmounted; they are repaired at the next start", bad, volumes)
	}
}

// leave takes the last steps.
func (e *ending) leave(w way) {
	end, text := e.a.feeder.PowerOff, "power off"
	if w == reboot {
		end, text = e.a.feeder.Reboot, "restarting now"
	}
	if err := end(); err != nil {
		e.a.log.Warn("watchdog", "err", err)
	}
	e.a.out.Step("init", text)
	e.a.out.Flush(200 * time.Millisecond)
	cut(w)
}

// cut ends the machine at once.
func cut(w way) {
	command := unix.LINUX_REBOOT_CMD_POWER_OFF
	if w == reboot {
		command = unix.LINUX_REBOOT_CMD_RESTART
	}
	_ = unix.Reboot(command)
}
