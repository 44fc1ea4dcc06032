package update

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

const (
	recordVersion = 1
	recordFile    = "updates.json"
	maxRecord     = 1 << 20
	mostOutcomes  = 30
	mostNames     = 10_000 // cameras, volumes
)

// record is what is remembered over restarts.
type record struct {
	Version int       `json:"version"` // of this form
	System  string    `json:"system"`  // the disk whose slots it is about
	Seq     int64     `json:"seq"`     // grows with each change
	Plan    *plan     `json:"plan,omitempty"`
	Trial   *trial    `json:"trial,omitempty"`
	History []outcome `json:"history"` // newest first
}

// plan is a trial to come.
type plan struct {
	To       string `json:"to"`
	AtMs     int64  `json:"atMs"`
	WithinMs int64  `json:"withinMs"`
	By       string `json:"by"`
}

// trial is what was when a slot was put on trial, and what the version in it had to say.
type trial struct {
	Number    uint64   `json:"number"` // as in the slots' states
	Slot      string   `json:"slot"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	By        string   `json:"by"`
	StartedMs int64    `json:"startedMs"` // by the clock then
	WithinMs  int64    `json:"withinMs"`
	Cameras   []string `json:"cameras"` // that recorded, by id
	Volumes   []string `json:"volumes"` // that were mounted, by id
	Problem   string   `json:"problem,omitempty"`
}

// Results of a trial.
const (
	Confirmed = "confirmed"
	Returned  = "returned"
	Missed    = "missed"
)

// outcome is a trial that is over.
type outcome struct {
	AtMs   int64  `json:"atMs"`
	From   string `json:"from"`
	To     string `json:"to"`
	Result string `json:"result"`
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
	TookMs int64  `json:"tookMs,omitempty"`
}

// decode reads a record. It comes from a disk, so anything may be in it.
func decode(b []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("record of updates: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, errors.New("record of updates: something follows it")
	}
	if r.Version != recordVersion {
		return r, fmt.Errorf("record of updates: version %d is not known", r.Version)
	}
	if r.Seq < 0 || len(r.History) > mostOutcomes {
		return r, errors.New("record of updates: out of bounds")
	}
	texts := []string{r.System}
	if p := r.Plan; p != nil {
		texts = append(texts, p.To, p.By)
	}
	if t := r.Trial; t != nil {
		if t.Slot != "a" && t.Slot != "b" || len(t.Cameras) > mostNames || len(t.Volumes) > mostNames || t.Number == 0 {
			return r, errors.New("record of updates: a trial that is none")
		}
		texts = append(texts, t.From, t.To, t.By, t.Problem)
	}
	for _, o := range r.History {
		if o.Result != Confirmed && o.Result != Returned && o.Result != Missed {
			return r, fmt.Errorf("record of updates: an outcome %.20q", o.Result)
		}
		texts = append(texts, o.From, o.To, o.By, o.Reason)
	}
	for _, s := range texts {
		if len(s) > 4096 || strings.ContainsFunc(s, unicode.IsControl) {
			return r, errors.New("record of updates: a text that is none")
		}
	}
	return r, nil
}

func (r record) encode() ([]byte, error) {
	r.Version = recordVersion
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}

// done takes the trial off the record, with what came of it.
func (r *record) done(o outcome) {
	r.Trial = nil
	r.note(o)
}

// note remembers an outcome, and forgets the oldest of too many.
func (r *record) note(o outcome) {
	r.History = append([]outcome{o}, r.History...)
	r.History = r.History[:min(len(r.History), mostOutcomes)]
}

func readRecord(path string) (record, error) {
	f, err := os.Open(path)
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return record{}, err
	}
	if len(b) > maxRecord {
		return record{}, fmt.Errorf("record of updates: more than %d bytes", maxRecord)
	}
	return decode(b)
}
