package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/filesys"
)

// machine is a database's surroundings: a RAM folder and volumes.
type machine struct {
	t    *testing.T
	ram  string
	dirs []Dir
	cfg  Config
}

func newMachine(t *testing.T, volumes int) *machine {
	m := &machine{t: t, ram: t.TempDir()}
	for i := range volumes {
		m.dirs = append(m.dirs, Dir{ID: fmt.Sprintf("vol%d", i), Path: filepath.Join(t.TempDir(), "index")})
	}
	m.cfg = Config{Path: filepath.Join(m.ram, "engine.db"), Name: "engine", RetryAfter: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	return m
}

func (m *machine) open(dirs ...Dir) (*DB, Recovery) {
	m.t.Helper()
	db, rec, err := Open(m.cfg, dirs)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { db.Close() })
	return db, rec
}

// powerCut forgets RAM.
func (m *machine) powerCut() {
	m.t.Helper()
	if err := os.RemoveAll(m.cfg.Path); err != nil {
		m.t.Fatal(err)
	}
}

func put(t testing.TB, db *DB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := db.Update(func(tx *Tx) error { return tx.Put("rows", key(i), fmt.Appendf(nil, "value %d", i)) }); err != nil {
			t.Fatal(err)
		}
	}
}

func key(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func count(t testing.TB, db *DB) int {
	t.Helper()
	n := 0
	if err := db.View(func(tx *Tx) error {
		for k, v := range tx.Range("rows", nil, nil) {
			if want := fmt.Sprintf("value %d", binary.BigEndian.Uint32(k)); string(v) != want {
				t.Errorf("row %x is %q, want %q", k, v, want)
			}
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// await polls what other goroutines bring about, 10 s at most.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func allOK(db *DB) func() bool {
	return func() bool {
		g := db.Generation()
		for _, c := range db.Copies() {
			if c.Status != StatusOK || c.Generation != g {
				return false
			}
		}
		return true
	}
}

func TestUpdatesSurviveThePowerCut(t *testing.T) {
	m := newMachine(t, 2)
	db, rec := m.open(m.dirs...)
	if rec.Source != "new" {
		t.Fatalf("source %q", rec.Source)
	}
	put(t, db, 0, 50)
	if err := db.Update(func(tx *Tx) error { return tx.Delete("rows", key(49)) }); err != nil {
		t.Fatal(err)
	}
	await(t, "both copies", allOK(db))
	db.Close()
	for range 3 {
		m.powerCut()
		db, rec = m.open(m.dirs...)
		if n := count(t, db); n != 49 || rec.Generation != 51 {
			t.Fatalf("%d rows at generation %d after %+v", n, rec.Generation, rec)
		}
		if err := db.Check(); err != nil {
			t.Fatal(err)
		}
		db.Close()
	}
	// Either volume alone is enough.
	for _, d := range m.dirs {
		m.powerCut()
		db, rec = m.open(d)
		if n := count(t, db); n != 49 || rec.Source != d.ID {
			t.Fatalf("%d rows from %q", n, rec.Source)
		}
		db.Close()
	}
}

func TestRAMIsTakenUpWhenOnlyTheProcessDied(t *testing.T) {
	m := newMachine(t, 1)
	db, _ := m.open()
	put(t, db, 0, 5)
	if !db.Volatile() {
		t.Error("a database without any volume does not say so")
	}
	db.Close()
	db, rec := m.open(m.dirs[0])
	if rec.Source != "ram" || count(t, db) != 5 || db.Volatile() {
		t.Fatalf("source %q, %d rows, volatile %v", rec.Source, count(t, db), db.Volatile())
	}
	db.Close()
	m.powerCut()
	db, _ = m.open(m.dirs[0])
	if count(t, db) != 5 {
		t.Fatal("rows from RAM did not reach the volume")
	}
}

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	m := newMachine(t, 1)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 1)
	boom := errors.New("boom")
	if err := db.Update(func(tx *Tx) error {
		if err := tx.Put("rows", key(1), []byte("x")); err != nil {
			return err
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("panic was swallowed")
			}
		}()
		db.Update(func(tx *Tx) error { panic("in fn") })
	}()
	for name, fn := range map[string]func(tx *Tx) error{
		"reserved bucket": func(tx *Tx) error { return tx.Put("\x00mirror", key(1), nil) },
		"no bucket":       func(tx *Tx) error { return tx.Put("", key(1), nil) },
		"no key":          func(tx *Tx) error { return tx.Put("rows", nil, nil) },
		"long key":        func(tx *Tx) error { return tx.Put("rows", make([]byte, 40000), nil) },
	} {
		if err := db.Update(fn); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := db.View(func(tx *Tx) error { return tx.Put("rows", key(2), nil) }); err == nil {
		t.Error("View can write")
	}
	if g := db.Generation(); g != 1 || count(t, db) != 1 {
		t.Fatalf("generation %d, %d rows", g, count(t, db))
	}
	db.Close()
	if err := db.Update(func(tx *Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}

func TestStaleCopyCatchesUp(t *testing.T) {
	m := newMachine(t, 2)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 3)
	await(t, "both copies", allOK(db))
	db.RemoveDir("vol1")
	put(t, db, 3, 10)
	db.AddDir(m.dirs[1])
	await(t, "copy is up to date", allOK(db))
	db.Close()
	m.powerCut()
	db, _ = m.open(m.dirs[1])
	if count(t, db) != 10 {
		t.Fatalf("%d rows", count(t, db))
	}
}

func TestNewestCopyWinsAndTheOlderFollows(t *testing.T) {
	m := newMachine(t, 2)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 3)
	await(t, "both copies", allOK(db))
	db.Close()
	m.powerCut()
	db, _ = m.open(m.dirs[0])
	put(t, db, 3, 6)
	db.Close()
	m.powerCut()
	db, rec := m.open(m.dirs[1], m.dirs[0])
	if rec.Source != "vol0" || rec.Copies[0].Status != "stale" || count(t, db) != 6 {
		t.Fatalf("%+v, %d rows", rec, count(t, db))
	}
	await(t, "both copies", allOK(db))
}

func TestForeignCopyIsKeptAside(t *testing.T) {
	a, b := newMachine(t, 1), newMachine(t, 1)
	da, _ := a.open(a.dirs...)
	put(t, da, 0, 3)
	db, _ := b.open(b.dirs...)
	put(t, db, 0, 7)
	db.Close()
	da.AddDir(Dir{ID: "late", Path: b.dirs[0].Path})
	await(t, "copy is up to date", allOK(da))
	if c := da.Copies()[1]; !strings.Contains(c.Reason, "foreign") {
		t.Errorf("nothing said: %+v", c)
	}
	da.Close()
	a.powerCut()
	da, rec := a.open(Dir{ID: "late", Path: b.dirs[0].Path})
	if count(t, da) != 3 {
		t.Fatalf("%d rows after %+v", count(t, da), rec)
	}
	aside, _ := filepath.Glob(filepath.Join(b.dirs[0].Path, "engine.aside-foreign-*"))
	if len(aside) != 1 {
		t.Fatalf("kept aside: %v", aside)
	}
	b.powerCut()
	db, _ = b.open(Dir{ID: "rescue", Path: aside[0]})
	if count(t, db) != 7 {
		t.Fatalf("%d rows in what was kept aside", count(t, db))
	}
}

func TestDivergedCopyIsKeptAside(t *testing.T) {
	m := newMachine(t, 2)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 3)
	await(t, "both copies", allOK(db))
	db.Close()
	// Each volume goes on alone: volume 1 further.
	for i, n := range []int{5, 9} {
		m.powerCut()
		db, _ = m.open(m.dirs[i])
		put(t, db, 3, n)
		db.Close()
	}
	// Volume 0 is running when volume 1 arrives with a newer generation of another past.
	m.powerCut()
	db, _ = m.open(m.dirs[0])
	put(t, db, 5, 6)
	db.AddDir(m.dirs[1])
	await(t, "copy is up to date", allOK(db))
	if c := db.Copies()[1]; !strings.Contains(c.Reason, "diverged") || !strings.Contains(c.Reason, "gen9") {
		t.Errorf("nothing said: %+v", c)
	}
	if aside, _ := filepath.Glob(filepath.Join(m.dirs[1].Path, "engine.aside-diverged-*", "*.journal")); len(aside) == 0 {
		t.Error("newer changes were not kept")
	}
	db.Close()
	m.powerCut()
	db, _ = m.open(m.dirs[1])
	if count(t, db) != 6 {
		t.Fatalf("%d rows", count(t, db))
	}
}

func TestLateVolumeBringsTheContentToAnUnusedDatabase(t *testing.T) {
	m, other := newMachine(t, 1), newMachine(t, 1)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 4)
	db.Close()
	m.powerCut()
	adopted := make(chan bool, 1)
	m.cfg.Adopted = func() { adopted <- true }
	db, _ = m.open(other.dirs...)
	db.AddDir(Dir{ID: "late", Path: m.dirs[0].Path})
	select {
	case <-adopted:
	case <-time.After(10 * time.Second):
		t.Fatal("not taken up")
	}
	await(t, "both copies", allOK(db))
	if count(t, db) != 4 {
		t.Fatalf("%d rows", count(t, db))
	}
	put(t, db, 4, 6)
	await(t, "both copies", allOK(db))
	db.Close()
	m.powerCut()
	db, rec := m.open(other.dirs...)
	if count(t, db) != 6 {
		t.Fatalf("%d rows after %+v", count(t, db), rec)
	}
}

func TestRotationKeepsTwoSnapshotsAndSurvivesTheLossOfTheNewest(t *testing.T) {
	m := newMachine(t, 1)
	m.cfg.RotateBytes = 1000
	db, _ := m.open(m.dirs...)
	value := make([]byte, 3000)
	for i := range 100 {
		if err := db.Update(func(tx *Tx) error { return tx.Put("big", key(i%10), value) }); err != nil {
			t.Fatal(err)
		}
	}
	put(t, db, 0, 20)
	db.Close()
	snaps, journals, err := list(filesys.OS, m.dirs[0].Path, "engine")
	if err != nil || len(snaps) != 2 || len(journals) > 40 {
		t.Fatalf("snapshots %v, journals %v, %v", snaps, journals, err)
	}
	flip(t, filepath.Join(m.dirs[0].Path, snapName("engine", snaps[0])), 5000)
	m.powerCut()
	db, rec := m.open(m.dirs...)
	if count(t, db) != 20 || rec.Generation != 120 {
		t.Fatalf("%d rows, %+v", count(t, db), rec)
	}
	if c := rec.Copies[0]; c.Status != "corrupt" || !strings.Contains(c.Reason, "snapshot") {
		t.Errorf("damage is not named: %+v", c)
	}
}

func TestCorruptCopyIsNamedAndPassedOver(t *testing.T) {
	for _, file := range []string{".snap", ".journal"} {
		m := newMachine(t, 2)
		db, _ := m.open(m.dirs...)
		await(t, "both copies", allOK(db)) // from the first row on, each in its journal
		put(t, db, 0, 9)
		await(t, "both copies", allOK(db))
		put(t, db, 9, 10) // begins with the mark by which what is before it was whole once
		await(t, "both copies", allOK(db))
		db.Close()
		m.powerCut()
		hit, _ := filepath.Glob(filepath.Join(m.dirs[0].Path, "*"+file))
		flip(t, hit[0], headerSize+30)
		db, rec := m.open(m.dirs...)
		if rec.Source != "vol1" || count(t, db) != 10 || rec.Copies[0].Status != "corrupt" || rec.Copies[0].Reason == "" {
			t.Fatalf("%s: %+v, %d rows", file, rec, count(t, db))
		}
		await(t, "damaged copy is replaced", allOK(db))
		db.Close()
		m.powerCut()
		db, _ = m.open(m.dirs[0])
		if count(t, db) != 10 {
			t.Fatalf("%s: %d rows", file, count(t, db))
		}
		db.Close()
		if aside, _ := filepath.Glob(filepath.Join(m.dirs[0].Path, "engine.aside-damaged-*")); len(aside) != 1 {
			t.Errorf("%s: damaged files were thrown away", file)
		}
	}
}

func TestManyUpdatersShareSyncs(t *testing.T) {
	m := newMachine(t, 2)
	db, _ := m.open(m.dirs...)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() { put(t, db, w*10, w*10+10) })
	}
	wg.Wait()
	await(t, "both copies", allOK(db))
	if n := count(t, db); n != 160 || db.Generation() != 160 {
		t.Fatalf("%d rows, generation %d", n, db.Generation())
	}
	db.Close()
	m.powerCut()
	db, _ = m.open(m.dirs[1])
	if count(t, db) != 160 {
		t.Fatalf("%d rows", count(t, db))
	}
}

func TestRangeAndDescend(t *testing.T) {
	m := newMachine(t, 0)
	db, _ := m.open()
	put(t, db, 0, 10)
	got := func(seq func(tx *Tx, yield func(k, v []byte) bool)) (s string) {
		if err := db.View(func(tx *Tx) error {
			seq(tx, func(k, _ []byte) bool { s += fmt.Sprint(k[3]); return true })
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, tc := range []struct {
		from, to []byte
		want     string
	}{
		{nil, nil, "0123456789"}, {key(3), key(6), "345"}, {key(8), nil, "89"}, {nil, key(2), "01"}, {key(10), nil, ""}, {key(5), key(5), ""},
	} {
		up := got(func(tx *Tx, y func(k, v []byte) bool) { tx.Range("rows", tc.from, tc.to)(y) })
		down := got(func(tx *Tx, y func(k, v []byte) bool) { tx.Descend("rows", tc.from, tc.to)(y) })
		if up != tc.want || down != reverse(tc.want) {
			t.Errorf("[%x,%x): up %q, down %q; want %q", tc.from, tc.to, up, down, tc.want)
		}
	}
	if s := got(func(tx *Tx, y func(k, v []byte) bool) { tx.Range("none", nil, nil)(y); tx.Descend("none", nil, nil)(y) }); s != "" {
		t.Errorf("no bucket: %q", s)
	}
	if err := db.Update(func(tx *Tx) error { return tx.Clear("rows") }); err != nil || count(t, db) != 0 {
		t.Fatalf("clear: %v, %d rows", err, count(t, db))
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1 << rand.IntN(8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
