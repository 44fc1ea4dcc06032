package mirror

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// attentive is a machine whose damages are kept while its database is open. close ends both.
func attentive(t *testing.T, m *machine, dirs ...Dir) (db *DB, d *Damages, close func()) {
	t.Helper()
	d = NewDamages()
	m.cfg.Rewritten = d.Note
	db, _ = m.open(dirs...)
	if err := d.Load(db); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { d.Keep(ctx, db, slog.New(slog.DiscardHandler)) })
	return db, d, func() {
		stop()
		keeping.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func damaged(d *Damages, db *DB, id string) bool {
	for _, c := range d.Copies(db) {
		if c.ID == id {
			return c.DamagedMs != 0 && c.Damage != ""
		}
	}
	return false
}

func TestADamagedCopyIsRememberedOverPowerCuts(t *testing.T) {
	m := newMachine(t, 2)
	db, d, end := attentive(t, m, m.dirs...)
	put(t, db, 0, 20)
	await(t, "all copies hold all", allOK(db))
	if damaged(d, db, "vol0") || len(d.Copies(db)[1].Warnings("the index", "B")) != 0 {
		t.Error("whole copies are warned of")
	}
	spoil(t, m.dirs[1], ".journal")
	db.CheckCopies(t.Context())
	await(t, "the damage is stored", func() bool { return damaged(d, db, "vol1") && db.Generation() > 20 && allOK(db)() })
	end()
	m.powerCut()
	db, d, end = attentive(t, m, m.dirs...)
	defer end()
	if !damaged(d, db, "vol1") || damaged(d, db, "vol0") {
		t.Errorf("after the power cut: %+v", d.Copies(db))
	}
	if w := d.Copies(db)[1].Warnings("the index", "B"); len(w) != 1 || !strings.Contains(w[0], "of the index on volume B (vol1) was found damaged") {
		t.Errorf("%q", w)
	}
}

// TestADamageKeepsNoDatabaseFromGivingWay: the only disk that is there has nothing but a damaged copy; that which comes late has
// a whole one.
func TestADamageKeepsNoDatabaseFromGivingWay(t *testing.T) { synctest.Test(t, givesWay) }

func givesWay(t *testing.T) {
	m := newMachine(t, 2)
	db, _ := m.open(m.dirs...)
	await(t, "both copies", allOK(db))
	put(t, db, 0, 9)
	await(t, "both copies", allOK(db))
	db.Close()
	m.powerCut()
	for _, ext := range []string{".snap", ".journal"} {
		files, err := filepath.Glob(filepath.Join(m.dirs[0].Path, "engine.*"+ext))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			flip(t, file, 3) // in the header: nothing of it can be taken up
		}
	}
	db, d, end := attentive(t, m, m.dirs[0])
	defer end()
	await(t, "the damaged copy is written anew", func() bool { return damaged(d, db, "vol0") })
	synctest.Wait() // whoever would write has done it
	db.AddDir(m.dirs[1])
	if n := count(t, db); n != 9 {
		t.Fatalf("%d rows when the whole copy has come, generation %d", n, db.Generation())
	}
	await(t, "the damage is stored", func() bool {
		err := db.View(func(tx *Tx) error {
			for range tx.Range(bucketDamages, nil, nil) {
				return nil
			}
			return errors.New("not yet")
		})
		return err == nil
	})
}
