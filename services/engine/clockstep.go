package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// clockSteps calls stepped each time the machine's clock is set, until ctx ends. The kernel tells of it by a timer that
// is cancelled then (timerfd_settime(2), TFD_TIMER_CANCEL_ON_SET); slewing is no step.
func clockSteps(ctx context.Context, stepped func()) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("watch the clock: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timerfd") // non-blocking: a read ends when it is closed
	defer timer.Close()
	defer context.AfterFunc(ctx, func() { timer.Close() })()
	for {
		err := errors.Join(arm(timer), wait(timer))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ECANCELED):
			stepped()
		case err != nil:
			return fmt.Errorf("watch the clock: %w", err)
		}
	}
}

// arm sets the timer to an instant that is too far away to come.
func arm(timer *os.File) error {
	raw, err := timer.SyscallConn()
	if err != nil {
		return err
	}
	far := unix.ItimerSpec{Value: unix.NsecToTimespec(time.Now().AddDate(100, 0, 0).UnixNano())}
	if rerr := raw.Control(func(fd uintptr) {
		err = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
	}); rerr != nil {
		return rerr
	}
	return err
}

// wait waits until the timer is cancelled.
func wait(timer *os.File) error {
	var expired [8]byte
	_, err := timer.Read(expired[:])
	return err
}
