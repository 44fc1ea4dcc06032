package clock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/internal/atomicfile"
)

const (
	// span is how far the offsets reach back, grain how close together they are kept at most.
	span  = 24 * time.Hour
	grain = time.Minute
	// stepsKept is how many steps are remembered.
	stepsKept = 100

	historyFile = "clock.json"
)

// past is what a service that is restarted must still know of the clock, as the file has it. It lives as long as the
// machine runs.
type past struct {
	Points    []api.ClockPoint   `json:"points"`
	Steps     []api.ClockStep    `json:"steps"`
	Reference api.ClockReference `json:"reference,omitzero"`
	Server    string             `json:"server,omitempty"`
	LastMs    int64              `json:"lastMs,omitempty"`
}

// history remembers what was done to the clock. Run writes it, anybody reads.
type history struct {
	file string // empty: it is not kept

	mu   sync.Mutex
	past past
}

// kept tells whether an earlier run of the service left something.
func (h *history) kept() bool {
	_, err := os.Stat(h.file)
	return err == nil
}

// load reads what an earlier run of the service left.
func (h *history) load() (past, error) {
	if h.file == "" {
		return past{}, nil
	}
	b, err := os.ReadFile(h.file)
	if errors.Is(err, fs.ErrNotExist) {
		return past{}, nil
	}
	var p past
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return past{}, fmt.Errorf("history of the clock: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past = p
	return p, nil
}

// offset notes an offset that was seen. Of several within a minute the largest stays.
func (h *history) offset(at time.Time, offsetMs float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ms := h.past.Points, at.UnixMilli()
	// After a step back there may be points of a time that is still to come.
	p = slices.DeleteFunc(p, func(o api.ClockPoint) bool { return o.AtMs > ms || o.AtMs < ms-span.Milliseconds() })
	if n := len(p); n > 0 && ms/grain.Milliseconds() == p[n-1].AtMs/grain.Milliseconds() {
		if max(offsetMs, -offsetMs) > max(p[n-1].OffsetMs, -p[n-1].OffsetMs) {
			p[n-1].OffsetMs = offsetMs
		}
	} else {
		p = append(p, api.ClockPoint{AtMs: ms, OffsetMs: offsetMs})
	}
	h.past.Points = p
}

// step notes that the clock was set; server is empty where it was lifted to what is known to be past.
func (h *history) step(before, after time.Time, server string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past.Steps = append(h.past.Steps, api.ClockStep{BeforeMs: before.UnixMilli(), AfterMs: after.UnixMilli(), Server: server})
	if n := len(h.past.Steps); n > stepsKept {
		h.past.Steps = slices.Delete(h.past.Steps, 0, n-stepsKept)
	}
}

// save keeps everything, with what the clock follows now.
func (h *history) save(c api.Clock) error {
	if h.file == "" {
		return nil
	}
	h.mu.Lock()
	h.past.Reference, h.past.Server, h.past.LastMs = c.Reference, c.Server, c.LastSyncMs
	b, err := json.Marshal(h.past)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return atomicfile.Write(h.file, b, 0o640)
}

// History is what was done to the clock: the offsets of the last day, oldest first, and the last steps.
func (k *Keeper) History() api.ClockHistory {
	k.history.mu.Lock()
	defer k.history.mu.Unlock()
	out := api.ClockHistory{Points: slices.Clone(k.history.past.Points), Steps: slices.Clone(k.history.past.Steps)}
	if out.Points == nil {
		out.Points = []api.ClockPoint{}
	}
	if out.Steps == nil {
		out.Steps = []api.ClockStep{}
	}
	return out
}

func historyIn(dir string) *history {
	h := &history{}
	if dir != "" {
		h.file = filepath.Join(dir, historyFile)
	}
	return h
}
