// Package console writes what an installer reads: one line per step, with the time since the kernel started.
//
//	[    3.214] modules: 63 loaded for 41 devices
//
// Invariants: a line is whole, printable and reaches every console or none of it does there; who writes never waits
// for a console, because a serial line can stop for ever (flow control) and PID 1 must not. Each console has a queue
// and a goroutine of its own; when a queue is full its lines are dropped and counted, and the count is shown.
// On a console with a menu (services/console) it is the menu that shows a line, so that it does not break into what somebody types;
// when the menu does not say soon that it does, the line is written to the device as ever.
// Step may be called by many goroutines.
package console

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	queueLines = 256
	maxText    = 400 // bytes of a line
)

// Console is a set of output devices. Make it with New.
type Console struct {
	sinceBoot func() time.Duration
	outs      []*output
	writers   sync.WaitGroup
}

type output struct {
	w     io.Writer
	lines chan string

	mu      sync.Mutex
	waiting int // lines not yet written, the one that is being written included
	lost    int
	closed  bool
}

// New starts writing to the given devices, with times from sinceBoot. Close it.
func New(sinceBoot func() time.Duration, devices ...io.Writer) *Console {
	c := &Console{sinceBoot: sinceBoot}
	for _, w := range devices {
		o := &output{w: w, lines: make(chan string, queueLines)}
		c.outs = append(c.outs, o)
		c.writers.Go(o.run)
	}
	return c
}

// Step puts one line on every console; who names the part of the machine that speaks.
func (c *Console) Step(who, text string) {
	line := Line(c.sinceBoot(), who, text)
	for _, o := range c.outs {
		o.put(line)
	}
}

// Stepf is Step with a format.
func (c *Console) Stepf(who, format string, args ...any) {
	c.Step(who, fmt.Sprintf(format, args...))
}

// Flush waits until what was written so far has left, for as long as limit.
func (c *Console) Flush(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		waiting := false
		for _, o := range c.outs {
			o.mu.Lock()
			waiting = waiting || o.waiting > 0
			o.mu.Unlock()
		}
		if !waiting {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Close writes what is queued and ends the goroutines, for as long as limit. A Step that follows is lost.
func (c *Console) Close(limit time.Duration) {
	for _, o := range c.outs {
		o.close()
	}
	done := make(chan struct{})
	go func() { c.writers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// put queues a line; when lines were lost before it, it says so first. Only put fills the queue, one caller at a time,
// so there is room for what it sends.
func (o *output) put(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.lines) >= queueLines-2 {
		o.lost++
		return
	}
	if o.lost > 0 {
		o.lines <- fmt.Sprintf("(%d lines lost)\n", o.lost)
		o.waiting++
		o.lost = 0
	}
	o.lines <- line
	o.waiting++
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.lines)
	}
}

func (o *output) run() {
	for line := range o.lines {
		// There is nobody to tell when a console fails.
		_, _ = io.WriteString(o.w, line)
		o.mu.Lock()
		o.waiting--
		o.mu.Unlock()
	}
}

// Line is a step as it is shown.
func Line(sinceBoot time.Duration, who, text string) string {
	return fmt.Sprintf("[%9.3f] %s: %s\n", sinceBoot.Seconds(), who, Printable(text))
}

// Printable makes text from elsewhere harmless for a terminal, and not too long.
func Printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, strings.TrimRight(text, " \t\r\n"))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

// SinceBoot is the kernel's own clock, the one of its messages.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// OpenDevices opens the consoles that the kernel writes to (the active list, e.g. "tty0 ttyS0") and the screen if
// there is one. A serial port that the kernel was not told to use may have anything at its other end and is left alone.
// menus has the sockets at which the menus of consoles take lines.
func OpenDevices(active, devDir string, menus map[string]string) []io.Writer {
	names := strings.Fields(active)
	if !slices.Contains(names, "tty0") {
		names = append(names, "tty0")
	}
	var devices []io.Writer
	for _, name := range names {
		if strings.ContainsRune(name, '/') {
			continue
		}
		f, err := os.OpenFile(devDir+"/"+name, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err != nil {
			continue // the kernel lists consoles without a device node, such as netconsole
		}
		devices = append(devices, &device{file: f, menu: menus[name], wait: menuWait})
	}
	return devices
}
