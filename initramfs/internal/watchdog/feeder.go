package watchdog

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigie/internal/initctl"
)

// Feeder feeds a watchdog, once it has been given one. Turn is called by the supervisor's loop; the rest from anywhere.
type Feeder struct {
	log  *slog.Logger
	step func(who, text string)

	mu     sync.Mutex
	device *Device
	fedAt  time.Time
	reason string // why it is not fed, or why there is none
}

// NewFeeder returns a Feeder without a watchdog, with the reason for that.
func NewFeeder(log *slog.Logger, step func(who, text string), reason string) *Feeder {
	return &Feeder{log: log, step: step, reason: reason}
}

// Use gives the Feeder its watchdog.
func (f *Feeder) Use(d *Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.device, f.fedAt, f.reason = d, time.Now(), ""
}

// Without says why there is no watchdog.
func (f *Feeder) Without(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reason = reason
}

// Turn feeds when it is due and Decide allows it.
func (f *Feeder) Turn(now, recordingAt time.Time, stopping bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.device == nil || now.Sub(f.fedAt) < Interval {
		return
	}
	feed, reason := Decide(now, recordingAt, stopping)
	if feed {
		if err := f.device.Feed(); err != nil {
			feed, reason = false, err.Error()
		} else {
			f.fedAt = now
		}
	}
	switch {
	case !feed && f.reason == "":
		left := max(0, f.device.Timeout-now.Sub(f.fedAt)).Round(time.Second)
		f.step("watchdog", fmt.Sprintf("no longer fed: %s; the machine restarts in %v unless that changes", reason, left))
		f.log.Error("not fed", "device", f.device.Path, "err", reason)
	case feed && f.reason != "":
		f.step("watchdog", "fed again")
		f.log.Info("fed again", "device", f.device.Path)
	}
	f.reason = reason
}

// Status is for people.
func (f *Feeder) Status() initctl.Watchdog {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.device == nil {
		return initctl.Watchdog{Reason: f.reason}
	}
	return initctl.Watchdog{
		Device: f.device.Path, Identity: f.device.Identity, Software: f.device.Software,
		TimeoutS: int(f.device.Timeout / time.Second), Fed: f.reason == "", Reason: f.reason,
	}
}

// PowerOff disarms, as the last thing before the power goes.
func (f *Feeder) PowerOff() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.device == nil {
		return nil
	}
	defer func() { f.device = nil }()
	return f.device.Disarm()
}

// Reboot leaves the watchdog armed across the restart.
func (f *Feeder) Reboot() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.device == nil {
		return nil
	}
	return f.device.Extend()
}
