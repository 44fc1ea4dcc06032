package clock

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Kernel is the machine's real clock.
type Kernel struct {
	// RTC is the battery clock's node; empty: none.
	RTC string
}

// Now reads the clock.
func (Kernel) Now() time.Time { return time.Now() }

// Synchronised tells whether somebody has synchronised the clock since the machine started.
func (Kernel) Synchronised() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return err == nil && state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0
}

// Step adds delta at once.
func (Kernel) Step(delta time.Duration) error {
	s, ns := delta/time.Second, delta%time.Second
	if ns < 0 {
		s, ns = s-1, ns+time.Second
	}
	tx := unix.Timex{Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO, Time: unix.Timeval{Sec: int64(s), Usec: int64(ns)}}
	if _, err := unix.Adjtimex(&tx); err != nil {
		return fmt.Errorf("step the clock: %w", err)
	}
	return nil
}

// Slew has the kernel take an offset of less than half a second away bit by bit, and learn the clock's rate from it.
// It also tells the kernel that the clock is synchronised, whereupon it keeps the battery clock right by itself, and
// whether a leap second is due at the end of the day.
func (Kernel) Slew(c Correction) error {
	tx := unix.Timex{
		Modes:  unix.ADJ_OFFSET | unix.ADJ_STATUS | unix.ADJ_NANO | unix.ADJ_TIMECONST | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR,
		Offset: int64(c.Offset), Status: unix.STA_PLL, Constant: timeConstant(c.Poll, c.Offset),
		Maxerror: c.Error.Microseconds(), Esterror: c.Offset.Abs().Microseconds(),
	}
	switch c.Leap {
	case LeapAdd:
		tx.Status |= unix.STA_INS
	case LeapDelete:
		tx.Status |= unix.STA_DEL
	}
	if _, err := unix.Adjtimex(&tx); err != nil {
		return fmt.Errorf("slew the clock: %w", err)
	}
	return nil
}

// SetRTC writes the time into the battery clock, in UTC. A PC's begins its next second half a second after it was
// written, so it is written in the middle of one: this takes up to a second.
func (k Kernel) SetRTC(ctx context.Context) error {
	if k.RTC == "" {
		return nil
	}
	f, err := os.Open(k.RTC)
	if err != nil {
		return err
	}
	defer f.Close()
	t := time.NewTimer(untilHalf(time.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	}
	now := time.Now().UTC()
	rtc := unix.RTCTime{
		Sec: int32(now.Second()), Min: int32(now.Minute()), Hour: int32(now.Hour()),
		Mday: int32(now.Day()), Mon: int32(now.Month()) - 1, Year: int32(now.Year()) - 1900,
	}
	if err := unix.IoctlSetRTCTime(int(f.Fd()), &rtc); err != nil {
		return fmt.Errorf("set %s: %w", k.RTC, err)
	}
	return nil
}

const (
	// tickEvery is how often the battery clock is looked at for its next second, tickWithin for how long.
	tickEvery  = 2 * time.Millisecond
	tickWithin = 1500 * time.Millisecond
)

// Tick waits for the battery clock's next second and returns it as it begins.
func (k Kernel) Tick(ctx context.Context) (time.Time, error) {
	f, err := os.Open(k.RTC)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	look := time.NewTicker(tickEvery)
	defer look.Stop()
	ctx, cancel := context.WithTimeout(ctx, tickWithin)
	defer cancel()
	var first time.Time
	for {
		r, err := unix.IoctlGetRTCTime(int(f.Fd()))
		if err != nil {
			return time.Time{}, fmt.Errorf("read %s: %w", k.RTC, err)
		}
		t := time.Date(int(r.Year)+1900, time.Month(r.Mon)+1, int(r.Mday), int(r.Hour), int(r.Min), int(r.Sec), 0, time.UTC)
		if first.IsZero() {
			first = t
		}
		if !t.Equal(first) {
			return t, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s stands still: %w", k.RTC, ctx.Err())
		case <-look.C:
		}
	}
}

// untilHalf is how long it is until the middle of a second.
func untilHalf(now time.Time) time.Duration {
	return (time.Second*3/2 - time.Duration(now.Nanosecond())) % time.Second
}
