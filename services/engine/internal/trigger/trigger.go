// Package trigger keeps the facts that set alarm recording off, as rows of the engine's database: a door that opened, a
// person who wanted something recorded.
//
// Invariants:
//   - No two triggers of a camera have one instant: a later one gets the next free millisecond.
//   - A trigger lasts MaxHold at most, so that a query looks back no further.
//   - A camera has at most most of them; the oldest go. Who owns the footage says when those of old footage may go.
//
// What follows from a trigger is decided by package camera. All methods may be called from any goroutine; writes return
// once they are on a disk.
package trigger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
)

// MaxHold is how long a trigger's condition may last.
const MaxHold = 24 * time.Hour

// Forced is the source of a trigger by which a person has a camera recorded for a set time.
const Forced = "forced"

// most is how many triggers are kept of a camera: about a megabyte of memory.
const most = 10_000

// bucket holds the rows: camera · 0 · at ms (8, big-endian) → row as JSON.
const bucket = "triggers"

// Trigger is one. It is comparable.
type Trigger struct {
	Camera string
	AtMs   int64 // UTC
	EndMs  int64 // when the condition ends
	Source string
	Text   string
	By     string // the user
}

// API is the trigger as the API shows it.
func (t Trigger) API() api.Trigger {
	return api.Trigger{AtMs: t.AtMs, EndMs: t.EndMs, Source: t.Source, Text: t.Text, By: t.By}
}

// row is what is stored beside the key.
type row struct {
	EndMs  int64  `json:"endMs"`
	Source string `json:"source"`
	Text   string `json:"text,omitempty"`
	By     string `json:"by,omitempty"`
}

// DB is the part of mirror.DB that is used.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Log is all triggers. Make one with Open.
type Log struct {
	db DB

	mu    sync.Mutex // held across changes, so that counts are true
	count map[string]int
}

// Open counts what there is.
func Open(db DB) (*Log, error) {
	l := &Log{db: db, count: map[string]int{}}
	err := db.View(func(tx *mirror.Tx) error {
		for k := range tx.Range(bucket, nil, nil) {
			camera, _, err := split(k)
			if err != nil {
				return err
			}
			l.count[camera]++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open triggers: %w", err)
	}
	return l, nil
}

// Add stores a trigger and returns it with the instant that it got.
func (l *Log) Add(t Trigger) (Trigger, error) {
	if t.EndMs < t.AtMs || t.EndMs-t.AtMs > MaxHold.Milliseconds() {
		return t, fmt.Errorf("store trigger of %s: lasts from %d to %d", t.Camera, t.AtMs, t.EndMs)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := 0
	err := l.db.Update(func(tx *mirror.Tx) error {
		for tx.Get(bucket, key(t.Camera, t.AtMs)) != nil {
			t.AtMs, t.EndMs = t.AtMs+1, max(t.EndMs, t.AtMs+1)
		}
		var err error
		if over := l.count[t.Camera] + 1 - most; over > 0 {
			if gone, err = drop(tx, t.Camera, math.MaxInt64, over); err != nil {
				return err
			}
		}
		return put(tx, t)
	})
	if err != nil {
		return t, fmt.Errorf("store trigger: %w", err)
	}
	l.count[t.Camera] += 1 - gone
	return t, nil
}

// End changes when a trigger's condition ends; one that is not there is left so.
func (l *Log) End(t Trigger, endMs int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.db.Update(func(tx *mirror.Tx) error {
		if tx.Get(bucket, key(t.Camera, t.AtMs)) == nil {
			return nil
		}
		t.EndMs = endMs
		return put(tx, t)
	})
}

// Range returns a camera's triggers whose condition lasted into [fromMs, toMs), in order, limit at most (0: no limit).
// Those of an instant count as a millisecond.
func (l *Log) Range(camera string, fromMs, toMs int64, limit int) (out []Trigger, err error) {
	err = l.db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucket, key(camera, max(0, fromMs-MaxHold.Milliseconds())), key(camera, toMs)) {
			t, err := read(k, v)
			if err != nil {
				return err
			}
			if t.EndMs < fromMs {
				continue
			}
			if out = append(out, t); len(out) == limit {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// Cameras returns the cameras that have triggers.
func (l *Log) Cameras() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.count))
	for c, n := range l.count {
		if n > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Forget removes a camera's triggers from before an instant, a thousand at most.
func (l *Log) Forget(camera string, beforeMs int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count[camera] == 0 {
		return nil
	}
	old := false
	err := l.db.View(func(tx *mirror.Tx) error {
		for range tx.Range(bucket, key(camera, 0), key(camera, beforeMs)) {
			old = true
			break
		}
		return nil
	})
	if err != nil || !old {
		return err
	}
	gone := 0
	err = l.db.Update(func(tx *mirror.Tx) (err error) {
		gone, err = drop(tx, camera, beforeMs, 1000)
		return err
	})
	if err == nil {
		l.count[camera] -= gone
	}
	return err
}

// drop removes a camera's oldest triggers from before an instant, n at most.
func drop(tx *mirror.Tx, camera string, beforeMs int64, n int) (gone int, err error) {
	var keys [][]byte
	for k := range tx.Range(bucket, key(camera, 0), key(camera, beforeMs)) {
		if keys = append(keys, bytes.Clone(k)); len(keys) == n {
			break
		}
	}
	for _, k := range keys {
		if err := tx.Delete(bucket, k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

func put(tx *mirror.Tx, t Trigger) error {
	b, err := json.Marshal(row{t.EndMs, t.Source, t.Text, t.By})
	if err != nil {
		return err
	}
	return tx.Put(bucket, key(t.Camera, t.AtMs), b)
}

func key(camera string, atMs int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(camera), 0), uint64(atMs))
}

func split(k []byte) (camera string, atMs int64, err error) {
	n := len(k) - 9
	if n < 1 || k[n] != 0 {
		return "", 0, fmt.Errorf("trigger row %x: bad key", k)
	}
	return string(k[:n]), int64(binary.BigEndian.Uint64(k[n+1:])), nil
}

func read(k, v []byte) (Trigger, error) {
	camera, at, err := split(k)
	if err != nil {
		return Trigger{}, err
	}
	var r row
	if err := json.Unmarshal(v, &r); err != nil {
		return Trigger{}, fmt.Errorf("trigger of %s at %d: %w", camera, at, err)
	}
	return Trigger{camera, at, r.EndMs, r.Source, r.Text, r.By}, nil
}
