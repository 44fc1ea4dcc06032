package mirror

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// spoil changes a byte of the newest file of a kind in a folder, behind its header.
func spoil(t *testing.T, dir Dir, ext string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir.Path, "engine.*"+ext))
	if err != nil || len(list) == 0 {
		t.Fatalf("%v, %v", list, err)
	}
	path := list[len(list)-1]
	b, err := os.ReadFile(path)
	if err != nil || len(b) <= headerSize+frameHeaderSize {
		t.Fatalf("%s: %d bytes, %v", path, len(b), err)
	}
	b[headerSize+frameHeaderSize+1] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // in its place, as a disk damages it: it may be open
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// told is what a database says of copies that it has written anew.
type told struct {
	mu   sync.Mutex
	list []string
}

func (d *told) rewritten(volume, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, volume+": "+why)
}

func (d *told) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.list...)
}

func TestADamagedCopyIsFoundByReadingItBackAndWrittenAnew(t *testing.T) {
	for _, c := range []struct{ name, ext string }{{"snapshot", ".snap"}, {"journal", ".journal"}} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, 2)
			m.cfg.RotateBytes = 1 << 10
			var d told
			m.cfg.Rewritten = d.rewritten
			db, _ := m.open(m.dirs...)
			put(t, db, 0, 100)
			await(t, "a snapshot", func() bool {
				list, _ := filepath.Glob(filepath.Join(m.dirs[1].Path, "*.snap"))
				return len(list) > 0
			})
			// A journal that is damaged shows when something intact stands behind the bad place: there must be some rows in it, and
			// not so many that a new one is about to be begun.
			rows := 100
			await(t, "some rows in the newest journal", func() bool {
				list, _ := filepath.Glob(filepath.Join(m.dirs[1].Path, "*.journal"))
				st, err := os.Stat(list[len(list)-1])
				if err == nil && allOK(db)() && st.Size() > headerSize+200 && st.Size() < m.cfg.RotateBytes-200 {
					return true
				}
				if allOK(db)() {
					put(t, db, rows, rows+1)
					rows++
				}
				return false
			})
			for _, err := range db.CheckCopies(t.Context()) {
				if err != nil {
					t.Fatalf("before: %v", err)
				}
			}
			for _, one := range db.Copies() {
				if one.CheckedMs == 0 || one.SnapshotMs == 0 || one.SizeBytes <= headerSize {
					t.Errorf("%+v", one)
				}
			}
			spoil(t, m.dirs[1], c.ext)
			results := db.CheckCopies(t.Context())
			if results["vol0"] != nil || results["vol1"] == nil {
				t.Fatalf("%v", results)
			}
			await(t, "it is written anew", func() bool { return allOK(db)() && len(d.all()) == 1 })
			if !strings.HasPrefix(d.all()[0], "vol1: "+c.name) {
				t.Errorf("%q", d.all())
			}
			for id, err := range db.CheckCopies(t.Context()) {
				if err != nil {
					t.Errorf("%s afterwards: %v", id, err)
				}
			}
			put(t, db, rows, rows+7)
			await(t, "all copies hold all", allOK(db))
			db.Close()
			m.powerCut()
			db, _ = m.open(m.dirs[1])
			if n := count(t, db); n != rows+7 {
				t.Errorf("%d rows in the copy that was written anew", n)
			}
		})
	}
}

func TestCopiesAreReadBackFromTimeToTime(t *testing.T) {
	m := newMachine(t, 2)
	m.cfg.VerifyEvery = 20 * time.Millisecond
	var d told
	m.cfg.Rewritten = d.rewritten
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 20)
	await(t, "all copies hold all", allOK(db))
	spoil(t, m.dirs[0], ".journal")
	await(t, "it is written anew", func() bool { return len(d.all()) > 0 && allOK(db)() })
	first := db.Copies()[0].CheckedMs
	await(t, "it is read back again", func() bool { return db.Copies()[0].CheckedMs > first })
	if n := count(t, db); n != 20 {
		t.Errorf("%d rows", n)
	}
}

func TestADatabaseIsRebuiltFromACopyWhileItIsInUse(t *testing.T) {
	m := newMachine(t, 2)
	m.cfg.RotateBytes = 8 << 10
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 300)
	var wrote atomic.Int64
	wrote.Store(300)
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			n := int(wrote.Load())
			put(t, db, n, n+1)
			wrote.Add(1)
		}
	})
	busy.Go(func() {
		for ctx.Err() == nil {
			if n, had := count(t, db), int(wrote.Load()); n < 300 || n > had+1 {
				t.Errorf("%d rows are seen", n)
			}
		}
	})
	caught := 0
	for range 5 {
		r, err := db.Rebuild(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		caught += r.CaughtUp
	}
	cancel()
	busy.Wait()
	if caught == 0 {
		t.Error("nothing came while it was rebuilt: the test proves too little")
	}
	n := int(wrote.Load())
	if got := count(t, db); got != n || db.Generation() != uint64(n) {
		t.Errorf("%d rows of %d at generation %d", got, n, db.Generation())
	}
	if err := db.Check(); err != nil {
		t.Error(err)
	}
	await(t, "all copies hold all", allOK(db))
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	for _, from := range [][]Dir{nil, m.dirs} { // from RAM, then from the copies
		if from != nil {
			m.powerCut()
		}
		db, rec := m.open(from...)
		if got := count(t, db); got != n {
			t.Errorf("%d rows of %d from %s", got, n, rec.Source)
		}
		db.Close()
	}
}

func TestWithoutAnIntactCopyNothingIsRebuilt(t *testing.T) {
	m := newMachine(t, 0)
	db, _ := m.open()
	put(t, db, 0, 10)
	if _, err := db.Rebuild(t.Context()); err == nil {
		t.Error("rebuilt from nothing")
	}
	put(t, db, 10, 12)
	if n := count(t, db); n != 12 {
		t.Errorf("%d rows", n)
	}
}
