package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	readPart  = 1 << 20 // read at once
	readPiece = 4 << 10 // and in these, where that fails; what disks give up on as a whole
	mostBad   = 200     // places that are named
	tellEvery = time.Second
	// silence is after how long without an answer that is said.
	silence = 20 * time.Second
)

// span is a part of a disk in bytes: from the first to before the second.
type span struct{ from, to int64 }

// read reads all of a disk, past the kernel's memory.
func (m *machine) read(ctx context.Context, name string) error {
	d, err := m.disk(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.node(d.Name), os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	m.say("Reading the disk %s, %s, %s. Nothing is written. Ctrl-C gives up.", d.Serial, d.Model, amount(d.SizeBytes))
	t := newReadTest(f, d.SizeBytes)
	done := make(chan error, 1)
	go func() { done <- t.run(ctx) }() // a disk that does not answer holds it, and nothing else
	began, last, since := time.Now(), int64(0), time.Now()
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			m.progressed()
			return m.readReport(t.state(), time.Since(began), err)
		case now := <-tick.C:
			s := t.state()
			if s.done != last {
				last, since = s.done, now
			}
			switch quiet := now.Sub(since); {
			case quiet >= silence && ctx.Err() != nil:
				m.progressed()
				return errors.Join(m.readReport(s, time.Since(began), ctx.Err()), errors.New("the disk does not answer; the question to it stays open"))
			case quiet >= silence:
				m.progress("At %s the disk has not answered for %.0f s.", amount(s.done), quiet.Seconds())
			default:
				m.progress("%d %%, %s/s, %s to go, %d unreadable places", s.done*100/max(s.size, 1), amount(int64(float64(s.done)/now.Sub(began).Seconds())), toGo(s, now.Sub(began)), s.places)
			}
		}
	}
}

func toGo(s readState, took time.Duration) string {
	if s.done == 0 {
		return "?"
	}
	return time.Duration(float64(took) * float64(s.size-s.done) / float64(s.done)).Round(time.Second).String()
}

// readReport tells what came of a test.
func (m *machine) readReport(s readState, took time.Duration, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		m.say("Given up after %s of %s.", amount(s.done), amount(s.size))
	case err != nil:
		m.say("It ended at %s of %s: %v.", amount(s.done), amount(s.size), err)
	default:
		m.say("All of it was read: %s in %s, %s/s.", amount(s.size), took.Round(time.Second), amount(int64(float64(s.size)/max(took.Seconds(), 0.001))))
	}
	for _, b := range s.bad {
		m.say("  unreadable: bytes %d to %d (sectors %d to %d)", b.from, b.to-1, b.from/512, (b.to-1)/512)
	}
	switch {
	case s.places == 0 && err == nil:
		m.say("Everything could be read.")
	case s.places > len(s.bad):
		m.say("%d unreadable places, %s in all; only the first are named. Replace this disk.", s.places, amount(s.lost))
	case s.places > 0:
		m.say("%d unreadable places, %s in all. Replace this disk.", s.places, amount(s.lost))
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// amount is a size for people.
func amount(n int64) string {
	v, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for v >= 1000 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

// alignedBuffer is memory as reading past the kernel's wants it: from the beginning of a page on.
func alignedBuffer(size int) []byte {
	b := make([]byte, size+readPiece)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (readPiece - 1))
	return b[skip : skip+size : skip+size]
}

var errGone = errors.New("the disk is gone")

// gone tells a disk that is not there any more from a place that cannot be read.
func gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOMEDIUM) || errors.Is(err, io.ErrUnexpectedEOF)
}
