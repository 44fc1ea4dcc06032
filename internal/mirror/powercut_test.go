package mirror_test

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
	"testing/synctest"
	"time"

	"vigie/internal/filesystest"
	"vigie/internal/mirror"
)

const (
	writers = 3
	runs    = 8
	runFor  = 5 * time.Second
)

// cut is what a power cut leaves: the disks, and how far each writer had come.
type cut struct {
	disks        *filesystest.Machine
	acked, begun [writers]uint64
}

// TestNoAcknowledgedUpdateIsLostToAPowerCut updates a database with two copies, cuts the power at any operation of any
// disk, and looks at what Open makes of the disks; a part of the recoveries is cut again.
func TestNoAcknowledgedUpdateIsLostToAPowerCut(t *testing.T) {
	seed := rand.Uint64N(1 << 32)
	cuts, again := 0, 0
	for run := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, run))
		var list []*cut
		synctest.Test(t, func(t *testing.T) { list = update(t, r) })
		for _, c := range list {
			var second *cut
			synctest.Test(t, func(t *testing.T) { second = recovered(t, c, r, true) })
			if cuts++; second != nil {
				again++
				synctest.Test(t, func(t *testing.T) { recovered(t, second, r, false) })
			}
			if t.Failed() {
				t.Fatalf("seed %d, run %d, cut %d", seed, run, cuts)
			}
		}
	}
	t.Logf("%d power cuts, %d of them during a recovery (seed %d)", cuts+again, again, seed)
	if cuts < 20 || again == 0 {
		t.Error("too few power cuts to prove anything")
	}
}

func open(t *testing.T, disks *filesystest.Machine) (*mirror.DB, mirror.Recovery) {
	t.Helper()
	ram := t.TempDir()
	if dir, err := os.MkdirTemp("/dev/shm", "vigie-test-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		ram = dir
	}
	db, rec, err := mirror.Open(mirror.Config{Path: filepath.Join(ram, "engine.db"), Name: "engine", FS: disks, RotateBytes: 2 << 10, Log: slog.New(slog.DiscardHandler)},
		[]mirror.Dir{{ID: "a", Path: "/a/index"}, {ID: "b", Path: "/b/index"}})
	if err != nil {
		t.Fatal(err)
	}
	return db, rec
}

// update has some writers count, each in a row of its own, and returns what cuts leave.
func update(t *testing.T, r *rand.Rand) (list []*cut) {
	disks := filesystest.New()
	for _, v := range []string{"/a", "/b"} {
		disks.AddVolume(v, 64<<20)
	}
	db, _ := open(t, disks)
	var mu sync.Mutex
	var now cut
	disks.SetPace(func(op filesystest.Op) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(op.Name, "sync") {
			return time.Duration(2+r.IntN(20)) * time.Millisecond
		}
		return time.Duration(r.IntN(500)) * time.Microsecond
	})
	disks.SetWatch(func(filesystest.Op) {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(40) == 0 {
			c := now
			c.disks = disks.Crash(r)
			list = append(list, &c)
		}
	})
	var group sync.WaitGroup
	end := time.Now().Add(runFor)
	for i := range writers {
		group.Go(func() {
			for n := uint64(1); time.Now().Before(end); n++ {
				mu.Lock()
				now.begun[i] = n
				size := 1 + r.IntN(800)
				mu.Unlock()
				err := db.Update(func(tx *mirror.Tx) error {
					return errors.Join(tx.Put("rows", fmt.Appendf(nil, "writer %d", i), binary.BigEndian.AppendUint64(nil, n)),
						tx.Put("ballast", fmt.Appendf(nil, "%d", n%20), make([]byte, size)))
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				now.acked[i] = n
				pause := time.Duration(r.IntN(60)) * time.Millisecond
				mu.Unlock()
				time.Sleep(pause)
			}
		})
	}
	group.Wait()
	disks.SetWatch(nil)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return list
}

// recovered opens what a cut left and checks it; it returns what another cut left meanwhile, if there was one.
func recovered(t *testing.T, c *cut, r *rand.Rand, cutAgain bool) (second *cut) {
	at := r.IntN(20)
	var mu sync.Mutex
	if cutAgain {
		c.disks.SetWatch(func(filesystest.Op) {
			mu.Lock()
			defer mu.Unlock()
			if at--; at == -1 {
				again := *c
				again.disks = c.disks.Crash(r)
				second = &again
			}
		})
	}
	db, rec := open(t, c.disks)
	time.Sleep(2 * time.Second) // both copies are brought up to date
	c.disks.SetWatch(nil)
	for _, f := range rec.Copies {
		if f.Status != "ok" && f.Status != "stale" && f.Status != "empty" {
			t.Errorf("copy on %s is %s: %s", f.ID, f.Status, f.Reason)
		}
	}
	err := db.View(func(tx *mirror.Tx) error {
		for i := range writers {
			n := uint64(0)
			if v := tx.Get("rows", fmt.Appendf(nil, "writer %d", i)); v != nil {
				n = binary.BigEndian.Uint64(v)
			}
			if n < c.acked[i] || n > c.begun[i] {
				t.Errorf("writer %d is at %d; %d was acknowledged and %d begun", i, n, c.acked[i], c.begun[i])
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Check()); err != nil {
		t.Error(err)
	}
	for _, copy := range db.Copies() {
		if copy.Status != mirror.StatusOK || copy.Generation != db.Generation() {
			t.Errorf("copy %+v of generation %d", copy, db.Generation())
		}
	}
	if err := db.Update(func(tx *mirror.Tx) error { return tx.Put("rows", []byte("after"), []byte{1}) }); err != nil || db.Volatile() {
		t.Errorf("update after the cut: %v, volatile %v", err, db.Volatile())
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return second
}
