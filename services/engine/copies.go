package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
)

// damages remembers when which copy of the database was found damaged and written anew. It stands in the database itself.
type damages struct {
	changed chan struct{}

	mu   sync.Mutex
	last map[string]damage // by volume
}

type damage struct {
	AtMs int64  `json:"atMs"`
	What string `json:"what"`
}

// bucketDamages: volume → damage as JSON.
const bucketDamages = "damaged-copies"

// toldFor is how long a damaged copy is warned of.
const toldFor = 3 * 24 * time.Hour

func newDamages() *damages {
	return &damages{changed: make(chan struct{}, 1), last: map[string]damage{}}
}

// note takes a damage; it waits for nothing.
func (d *damages) note(volume, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[volume] = damage{time.Now().UnixMilli(), what}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *damages) of(volume string) (damage, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one, ok := d.last[volume]
	return one, ok
}

// load reads what is known from before; what has been noted by now is newer.
func (d *damages) load(db *mirror.DB) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucketDamages, nil, nil) {
			var one damage
			if err := json.Unmarshal(v, &one); err != nil {
				return fmt.Errorf("damaged copy %s: %w", k, err)
			}
			if _, newer := d.last[string(k)]; !newer {
				d.last[string(k)] = one
			}
		}
		return nil
	})
}

// keep stores what is noted, until ctx ends.
func (d *damages) keep(ctx context.Context, db *mirror.DB, log *slog.Logger) {
	for {
		select {
		case <-d.changed:
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
		all := maps.Clone(d.last)
		d.mu.Unlock()
		err := db.Update(func(tx *mirror.Tx) error {
			for volume, one := range all {
				b, err := json.Marshal(one)
				if err != nil {
					return err
				}
				if err := tx.Put(bucketDamages, []byte(volume), b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			log.Error("cannot store which copies of the index were damaged", "err", err)
		}
	}
}

// copies tells how the database's copies are, and what needs attention.
func copies(db *mirror.DB, d *damages, name func(id string) string) (out []api.IndexCopy, warnings []string) {
	out = []api.IndexCopy{}
	for _, c := range db.Copies() {
		one := api.IndexCopy{Volume: c.ID, Status: api.IndexCopyStatus(c.Status), Reason: c.Reason, Generation: int64(c.Generation),
			SizeBytes: c.SizeBytes, SnapshotMs: c.SnapshotMs, CheckedMs: c.CheckedMs}
		if c.Status == mirror.StatusFailed {
			warnings = append(warnings, fmt.Sprintf("The copy of the index on volume %s cannot be written: %s", name(c.ID), c.Reason))
		}
		if bad, ok := d.of(c.ID); ok {
			one.DamagedMs, one.Damage = bad.AtMs, bad.What
			if at := time.UnixMilli(bad.AtMs); time.Since(at) < toldFor {
				warnings = append(warnings, fmt.Sprintf("The copy of the index on volume %s (%s) was found damaged on %s and was written anew from the good one: %s. Look at the disk's health.",
					name(c.ID), c.ID, at.UTC().Format("2 January, 15:04 UTC"), bad.What))
			}
		}
		out = append(out, one)
	}
	return out, warnings
}
