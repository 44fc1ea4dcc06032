package mirror

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vigie/internal/filesys"
)

// TestWhatADatabaseLeftIsErased has a folder with two databases' files, and takes one of them away.
func TestWhatADatabaseLeftIsErased(t *testing.T) {
	a, b := newMachine(t, 1), newMachine(t, 1)
	dir := b.dirs[0].Path
	da, _ := a.open(a.dirs...)
	put(t, da, 0, 3)
	db, _ := b.open(b.dirs...)
	put(t, db, 0, 7)
	db.Close()
	uuid := db.state().uuid
	gone := hex.EncodeToString(uuid[:])
	da.AddDir(Dir{ID: "late", Path: dir}) // puts b's aside
	await(t, "copy is up to date", allOK(da))
	da.Close()
	uuid = da.state().uuid
	lives := hex.EncodeToString(uuid[:])
	if owners, err := Owners(filesys.OS, dir, "engine"); err != nil || len(owners) != 2 || !slices.Contains(owners, gone) || !slices.Contains(owners, lives) {
		t.Fatalf("owners %v, %v; want %s and %s", owners, err, gone, lives)
	}
	if n, err := Erase(filesys.OS, dir, "engine", []string{hex.EncodeToString(make([]byte, 16))}); n != 0 || err != nil {
		t.Errorf("another database's: %d files, %v", n, err)
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "engine.aside-*", "*"))
	if len(aside) == 0 {
		t.Fatal("nothing was put aside")
	}
	// What a power cut leaves between two steps: a file that is overwritten, and still there.
	if err := filesys.Overwrite(filesys.OS, aside[0]); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(aside[0]); err != nil || len(content) < headerSize || len(bytes.Trim(content, "\x00")) > 0 {
		t.Errorf("overwritten: %d bytes, %v", len(content), err)
	}
	if n, err := Erase(filesys.OS, dir, "engine", []string{gone}); n != len(aside) || err != nil {
		t.Errorf("%d files, %v; there were %v", n, err, aside)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "engine.aside-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if owners, err := Owners(filesys.OS, dir, "engine"); err != nil || !slices.Equal(owners, []string{lives}) {
		t.Errorf("owners %v, %v", owners, err)
	}
	a.powerCut()
	// What could not be erased is not taken up either.
	without, _, err := Open(Config{Path: filepath.Join(t.TempDir(), "engine.db"), Name: "engine", Forgotten: []string{lives}}, []Dir{{ID: "late", Path: dir, ReadOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	without.AddDir(Dir{ID: "later", Path: dir, ReadOnly: true})
	if n := count(t, without); n != 0 {
		t.Errorf("a forgotten database was taken up, with %d rows", n)
	}
	if err := without.Close(); err != nil {
		t.Error(err)
	}
	again, _ := a.open(Dir{ID: "late", Path: dir})
	if n := count(t, again); n != 3 {
		t.Errorf("the other database has %d rows", n)
	}
	again.Close()
	damaged := filepath.Join(dir, "engine.00000000000000ff.snap")
	if err := os.WriteFile(damaged, []byte("VIGIEMS1 and something that was a secret once, but no header that could be read"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Erase(filesys.OS, dir, "engine", []string{lives}); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, nothing := range []string{dir, filepath.Join(dir, "away")} {
		if owners, err := Owners(filesys.OS, nothing, "engine"); err != nil || len(owners) > 0 {
			t.Errorf("%s: %v, %v", nothing, owners, err)
		}
	}
}
