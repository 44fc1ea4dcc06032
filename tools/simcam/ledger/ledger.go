// Package ledger keeps what simulated cameras sent: the ground truth that recordings are held against.
//
// A Book has one entry for each video frame of each camera, in order, whether somebody was connected or not. It may
// be used from several goroutines. On disk a ledger is one JSON object a line:
//
//	{"camera":"cam1","number":44096850123,"captureUs":1763874004920000,"size":20114,"keyframe":true,"readers":1}
package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"vigie/tools/simcam/stamp"
)

// Frame is one frame as sent.
type Frame struct {
	Number    int64 `json:"number"`    // counted from the Unix epoch at the camera's frame rate
	CaptureUs int64 `json:"captureUs"` // microseconds since the epoch
	Size      int   `json:"size"`      // bytes of the access unit, without stamp, start codes and lengths
	Keyframe  bool  `json:"keyframe"`
	Readers   int   `json:"readers"` // connections that the frame was handed to
}

type line struct {
	Camera string `json:"camera"`
	Frame
}

// Book is the ledger of some cameras.
type Book struct {
	mu     sync.Mutex
	frames map[string][]Frame
	out    *bufio.Writer
	err    error
}

// New returns an empty book. When out is not nil each entry is written to it too; Flush says whether that worked.
func New(out io.Writer) *Book {
	b := &Book{frames: make(map[string][]Frame)}
	if out != nil {
		b.out = bufio.NewWriterSize(out, 1<<16)
	}
	return b
}

// Add enters a frame. A nil book takes no note.
func (b *Book) Add(camera string, f Frame) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames[camera] = append(b.frames[camera], f)
	if b.out != nil && b.err == nil {
		_, b.err = fmt.Fprintf(b.out, `{"camera":"%s","number":%d,"captureUs":%d,"size":%d,"keyframe":%t,"readers":%d}`+"\n",
			camera, f.Number, f.CaptureUs, f.Size, f.Keyframe, f.Readers)
	}
}

// Flush writes out what is buffered; it returns the first error of writing since New.
func (b *Book) Flush() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out == nil {
		return nil
	}
	return errors.Join(b.err, b.out.Flush())
}

// Frames returns a copy of a camera's entries, oldest first.
func (b *Book) Frames(camera string) []Frame {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.frames[camera])
}

// Read reads a ledger file. A last line that is cut short (the process was killed) is left out.
func Read(r io.Reader) (*Book, error) {
	b := New(nil)
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("ledger line %d: %w", n, err)
		}
		if !stamp.ValidCamera(l.Camera) {
			return nil, fmt.Errorf("ledger line %d: bad camera id %q", n, l.Camera)
		}
		b.Add(l.Camera, l.Frame)
	}
}

// Report is how a recording of one camera compares with the ledger, from its first frame to its last.
type Report struct {
	Recorded   int
	First      int64 // number of the first recorded frame
	Last       int64
	Missing    []int64 // sent between First and Last, but not recorded
	Repeated   []int64 // recorded more than once
	Disordered []int64 // recorded after a later one
	Unknown    []int64 // recorded, but never sent
}

// Err is nil when the recording has every frame sent, once and in order.
func (r Report) Err() error {
	if r.Recorded == 0 {
		return errors.New("nothing recorded")
	}
	var errs []error
	for what, list := range map[string][]int64{"missing": r.Missing, "repeated": r.Repeated, "out of order": r.Disordered, "never sent": r.Unknown} {
		if len(list) > 0 {
			errs = append(errs, fmt.Errorf("%d frames %s, first %d", len(list), what, list[0]))
		}
	}
	return errors.Join(errs...)
}

// Compare holds the stamps of one run of recording, in the order of the file or files, against what a camera sent
// while somebody was connected.
func Compare(sent []Frame, recorded []stamp.Stamp) Report {
	r := Report{Recorded: len(recorded)}
	if len(recorded) == 0 {
		return r
	}
	r.First, r.Last = recorded[0].Number, recorded[0].Number
	seen := make(map[int64]bool, len(recorded))
	for i, s := range recorded {
		switch {
		case seen[s.Number]:
			r.Repeated = append(r.Repeated, s.Number)
		case i > 0 && s.Number < recorded[i-1].Number:
			r.Disordered = append(r.Disordered, s.Number)
		}
		seen[s.Number] = true
		r.First, r.Last = min(r.First, s.Number), max(r.Last, s.Number)
	}
	known := make(map[int64]bool, len(sent))
	for _, f := range sent {
		known[f.Number] = true
		if f.Readers > 0 && f.Number >= r.First && f.Number <= r.Last && !seen[f.Number] {
			r.Missing = append(r.Missing, f.Number)
		}
	}
	for n := range seen {
		if !known[n] {
			r.Unknown = append(r.Unknown, n)
		}
	}
	slices.Sort(r.Unknown)
	return r
}

// Capture is the instant of a frame.
func (f Frame) Capture() time.Time { return time.UnixMicro(f.CaptureUs) }
