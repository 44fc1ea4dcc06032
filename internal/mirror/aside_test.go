package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestOnlyTheNewestAsidesAreKept(t *testing.T) {
	a, b := newMachine(t, 1), newMachine(t, 1)
	da, _ := a.open(a.dirs...)
	put(t, da, 0, 3)
	db, _ := b.open(b.dirs...)
	put(t, db, 0, 7)
	db.Close()
	for i := range 5 {
		dir := filepath.Join(b.dirs[0].Path, fmt.Sprintf("engine.aside-damaged-gen%d-2026010%dT000000.000", 9-i, i+1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "engine.0000000000000001.snap"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(b.dirs[0].Path, "accounts.aside-damaged-gen1-20250101T000000.000")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	da.AddDir(Dir{ID: "late", Path: b.dirs[0].Path})
	await(t, "copy is up to date", allOK(da))
	got, _ := filepath.Glob(filepath.Join(b.dirs[0].Path, "engine.aside-*"))
	foreign, _ := filepath.Glob(filepath.Join(b.dirs[0].Path, "engine.aside-foreign-*", "*"))
	oldest, _ := filepath.Glob(filepath.Join(b.dirs[0].Path, "engine.aside-*-2026010[12]*"))
	if len(got) != keptAsides || len(foreign) == 0 || len(oldest) > 0 {
		t.Errorf("kept aside: %v", got)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another database's: %v", err)
	}
}

// TestWholeFramesBehindATornOneAreNoDamage tears the last write in its middle, as a power cut does.
func TestWholeFramesBehindATornOneAreNoDamage(t *testing.T) {
	h := header{magic: magicJournal, uuid: [16]byte{1}, branch: 7}
	b := h.marshal()
	frameOf := func(g uint64) *frame {
		return &frame{generation: g, payload: appendOp(nil, op{kind: opPut, bucket: []byte("rows"), key: []byte{byte(g)}, value: make([]byte, 300)})}
	}
	b = frameOf(1).appendTo(b, &h)
	b = frameOf(2).appendTo(b, &h)
	synced := len(b)
	b = (&frame{generation: 2}).appendTo(b, &h)
	b = frameOf(3).appendTo(b, &h)
	b = frameOf(4).appendTo(b, &h)
	b = frameOf(5).appendTo(b, &h)
	for at := headerSize; at < len(b); at++ {
		torn := append([]byte{}, b...)
		torn[at] ^= 1
		j, err := parseJournal(torn)
		if err != nil {
			t.Fatal(err)
		}
		if damaged := j.damage != nil; damaged != (at < synced) {
			t.Fatalf("flip at %d of %d, synced %d: damage %v", at, len(b), synced, j.damage)
		}
	}
}
