// Package watchdog feeds a hardware watchdog for as long as the machine does what it is for.
//
// The hardware resets the machine when it was not fed for its timeout. It is fed from the supervisor's loop and nowhere
// else, so a loop that stands still resets the machine; and only while recording is well or has not been unwell for
// longer than RecordingLimit, so that what restarting a service could not cure gets a restart of the machine.
//
// A hardware device is preferred; the kernel's softdog, which cannot help when the kernel itself hangs, only stands in
// when there is none. Feeding never goes through a file system or a network.
//
// On power-off the watchdog is disarmed last, for a machine told to be off must stay off. On restart it stays armed
// with a longer timeout: should the restart hang, it is done by force, and the firmware has time to start again.
package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Timeout is what the hardware is set to.
	Timeout = 30 * time.Second
	// RebootTimeout is what it is set to for a restart, firmware included.
	RebootTimeout = 180 * time.Second
	// Interval is the pause between feedings.
	Interval = 5 * time.Second
	// RecordingLimit is how long recording may be unwell.
	RecordingLimit = 120 * time.Second

	softdogIdentity = "Software Watchdog"
)

// Decide says whether to feed, and if not, why. recordingAt is when recording was last well, or when the machine began
// to start it.
func Decide(now, recordingAt time.Time, stopping bool) (feed bool, reason string) {
	if stopping {
		return true, "" // a stop has limits of its own
	}
	if down := now.Sub(recordingAt); down >= RecordingLimit {
		return false, fmt.Sprintf("recording has not been healthy for %v", down.Truncate(time.Second))
	}
	return true, ""
}

// Candidate is a watchdog that the kernel offers.
type Candidate struct {
	Path     string // of its device node
	Identity string // what its driver calls it
	Software bool
}

// Find lists the watchdogs in sys (/sys), hardware first. dev is /dev.
func Find(sys, dev string) ([]Candidate, error) {
	names, err := filepath.Glob(filepath.Join(sys, "class/watchdog/watchdog*"))
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	var hard, soft []Candidate
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(name, "identity"))
		if err != nil {
			continue // gone, or not ready yet
		}
		c := Candidate{Path: filepath.Join(dev, filepath.Base(name)), Identity: strings.TrimSpace(string(text))}
		if c.Software = c.Identity == softdogIdentity; c.Software {
			soft = append(soft, c)
		} else {
			hard = append(hard, c)
		}
	}
	return append(hard, soft...), nil
}

// Device is an armed watchdog. It is used by one goroutine at a time.
type Device struct {
	Candidate
	Timeout time.Duration // what the hardware took
	file    *os.File
}

// Open arms a watchdog: from here on it wants to be fed.
func Open(c Candidate) (*Device, error) {
	file, err := os.OpenFile(c.Path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	d := &Device{Candidate: c, file: file}
	if err := d.setTimeout(Timeout); err != nil {
		// Some have one fixed timeout; that is good enough as long as feeding keeps up with it.
		seconds, getErr := unix.IoctlGetInt(int(file.Fd()), unix.WDIOC_GETTIMEOUT)
		d.Timeout = time.Duration(seconds) * time.Second
		if getErr != nil || d.Timeout < 2*Interval {
			return nil, errors.Join(fmt.Errorf("watchdog %s: its timeout is %v: %w", c.Path, d.Timeout, err), d.Disarm())
		}
	}
	if err := d.Feed(); err != nil {
		return nil, errors.Join(err, d.Disarm()) // nobody would feed it
	}
	return d, nil
}

func (d *Device) setTimeout(timeout time.Duration) error {
	seconds := int(timeout / time.Second)
	if err := unix.IoctlSetPointerInt(int(d.file.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return fmt.Errorf("watchdog %s: set %v: %w", d.Path, timeout, err)
	}
	d.Timeout = timeout
	return nil
}

// Feed puts the reset off by the timeout.
func (d *Device) Feed() error {
	if _, err := d.file.Write([]byte{0}); err != nil {
		return fmt.Errorf("watchdog %s: %w", d.Path, err)
	}
	return nil
}

// Disarm ends the watch ("magic close").
func (d *Device) Disarm() error {
	_, err := d.file.Write([]byte("V"))
	if err := errors.Join(err, d.file.Close()); err != nil {
		return fmt.Errorf("watchdog %s: %w", d.Path, err)
	}
	return nil
}

// Extend gives a restart the time it needs. A device that cannot wait so long is disarmed: it would reset the machine
// again and again before it is up.
func (d *Device) Extend() error {
	if err := d.setTimeout(RebootTimeout); err != nil {
		return errors.Join(err, d.Disarm())
	}
	return d.Feed()
}
