// Package blocktrace tells what a block device is asked for, request by request: what a disk's arm would have to do,
// measured on any device. It is no part of the appliance.
//
// It reads the kernel's own events (tracefs, event block_rq_issue), which takes root and a kernel with block events, as
// Debian's is. Requests are those that reach the driver, after the page cache and the queue have joined and sorted them.
package blocktrace

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const sector = 512

// Request is one request to a device.
type Request struct {
	Write, Flush bool
	Offset, Size int64 // bytes; a flush alone has neither
}

// Trace is a device under watch.
type Trace struct {
	root     string // of the tracefs mounted for it
	instance string
	pipe     *os.File

	mu   sync.Mutex
	list []Request
	done chan error
}

// Start watches the block device on which path is mounted, or that path is.
func Start(path string) (t *Trace, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	dev := st.Dev
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dev = st.Rdev
	}
	root, err := os.MkdirTemp("", "tracefs")
	if err != nil {
		return nil, err
	}
	if err := unix.Mount("tracefs", root, "tracefs", 0, ""); err != nil {
		return nil, errors.Join(fmt.Errorf("mount tracefs: %w", err), os.Remove(root))
	}
	t = &Trace{root: root, instance: filepath.Join(root, "instances", filepath.Base(root)), done: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("trace %s: %w", path, err), t.remove())
		}
	}()
	if err := os.Mkdir(t.instance, 0o700); err != nil {
		return nil, err
	}
	event := filepath.Join(t.instance, "events/block/block_rq_issue")
	for _, w := range [][2]string{
		{filepath.Join(t.instance, "buffer_size_kb"), "4096"},
		{filepath.Join(event, "filter"), fmt.Sprintf("dev == %d", unix.Major(dev)<<20|unix.Minor(dev))},
		{filepath.Join(event, "enable"), "1"},
	} {
		if err := os.WriteFile(w[0], []byte(w[1]), 0); err != nil {
			return nil, err
		}
	}
	if t.pipe, err = os.OpenFile(filepath.Join(t.instance, "trace_pipe"), os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	go func() { t.done <- t.read() }()
	return t, nil
}

// read takes events as they come, until Stop has closed the pipe.
func (t *Trace) read() error {
	r := bufio.NewReader(polled{t.pipe})
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, fs.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.Contains(line, "LOST") {
			return fmt.Errorf("the kernel's buffer was too small: %s", strings.TrimSpace(line))
		}
		q, ok, err := parse(line)
		if err != nil {
			return err
		}
		if ok {
			t.mu.Lock()
			t.list = append(t.list, q)
			t.mu.Unlock()
		}
	}
}

// polled reads a trace_pipe, which knows no deadline: it is asked again while there is nothing.
type polled struct{ *os.File }

func (p polled) Read(b []byte) (int, error) {
	for {
		n, err := p.File.Read(b)
		if n > 0 || err != nil && !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// parse reads a line of a trace_pipe: "… block_rq_issue: 7,0 WFS 4096 () 2048 + 8 none,0,0 [kworker]".
func parse(line string) (q Request, ok bool, err error) {
	_, text, ok := strings.Cut(line, " block_rq_issue: ")
	if !ok {
		return q, false, nil
	}
	var major, minor, bytes int
	var kind string
	if _, err := fmt.Sscanf(text, "%d,%d %s %d ", &major, &minor, &kind, &bytes); err != nil {
		return q, false, fmt.Errorf("event %q: %w", text, err)
	}
	_, place, _ := strings.Cut(text, ") ")
	var at uint64 // that of a flush has all bits set
	var n int64
	if _, err := fmt.Sscanf(place, "%d + %d", &at, &n); err != nil {
		return q, false, fmt.Errorf("event %q: %w", text, err)
	}
	q.Write = strings.Contains(kind, "W")
	q.Flush = strings.Contains(kind, "F")
	if n > 0 {
		q.Offset, q.Size = int64(at)*sector, n*sector
	}
	return q, true, nil
}

// Take returns the requests since the start, or since the last Take.
func (t *Trace) Take() []Request {
	time.Sleep(50 * time.Millisecond) // for what the reader has not read yet
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.list
	t.list = nil
	return list
}

// Stop ends the watch.
func (t *Trace) Stop() error {
	err := t.pipe.Close()
	return errors.Join(<-t.done, err, t.remove())
}

func (t *Trace) remove() error {
	err := os.Remove(t.instance) // rmdir ends the events of the instance
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, unix.Unmount(t.root, unix.MNT_DETACH), os.Remove(t.root))
}
