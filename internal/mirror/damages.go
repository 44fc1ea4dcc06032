package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Damages remembers when which copy of a database was found damaged and written anew. It stands in the database itself.
// Its Note is for Config.Rewritten; Load follows Open, Keep runs beside the database.
type Damages struct {
	changed chan struct{}

	mu   sync.Mutex
	last map[string]damageRow // by volume
}

type damageRow struct {
	AtMs int64  `json:"atMs"`
	What string `json:"what"`
}

const (
	// bucketDamages: volume → damage as JSON.
	bucketDamages = "damaged-copies"
	// warnedFor is how long a damaged copy is warned of.
	warnedFor = 3 * 24 * time.Hour
	// emptyFor is how often a database that was never written to is looked at.
	emptyFor = time.Second
)

// NewDamages returns damages of which there are none.
func NewDamages() *Damages {
	return &Damages{changed: make(chan struct{}, 1), last: map[string]damageRow{}}
}

// Note takes a damage; it waits for nothing.
func (d *Damages) Note(volume, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[volume] = damageRow{time.Now().UnixMilli(), what}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Load reads what is known from before; what has been noted by now is newer.
func (d *Damages) Load(db *DB) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return db.View(func(tx *Tx) error {
		for k, v := range tx.Range(bucketDamages, nil, nil) {
			var one damageRow
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

// Keep stores what is noted, until ctx ends. A database that was never written to stays so: it must give way to one on a
// disk that comes late (AddDir).
func (d *Damages) Keep(ctx context.Context, db *DB, log *slog.Logger) {
	for {
		select {
		case <-d.changed:
		case <-ctx.Done():
			return
		}
		for db.Generation() == 0 {
			select {
			case <-time.After(emptyFor):
			case <-ctx.Done():
				return
			}
		}
		if err := d.store(db); err != nil && ctx.Err() == nil {
			log.Error("cannot store which copies of the database were damaged", "err", err)
		}
	}
}

func (d *Damages) store(db *DB) error {
	d.mu.Lock()
	all := maps.Clone(d.last)
	d.mu.Unlock()
	return db.Update(func(tx *Tx) error {
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
}

// Copies are those of the database, with what was damaged in them.
func (d *Damages) Copies(db *DB) []Copy {
	list := db.Copies()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range list {
		bad := d.last[list[i].ID]
		list[i].DamagedMs, list[i].Damage = bad.AtMs, bad.What
	}
	return list
}

// Warnings tell an administrator what needs attention in a copy of content ("the index") on a volume of that name.
func (c Copy) Warnings(content, volume string) (out []string) {
	if c.Status == StatusFailed {
		out = append(out, fmt.Sprintf("The copy of %s on volume %s cannot be written: %s", content, volume, c.Reason))
	}
	if at := time.UnixMilli(c.DamagedMs); time.Since(at) < warnedFor {
		out = append(out, fmt.Sprintf("The copy of %s on volume %s (%s) was found damaged on %s and was written anew from the good one: %s. Look at the disk's health.",
			content, volume, c.ID, at.UTC().Format("2 January, 15:04 UTC"), c.Damage))
	}
	return out
}
