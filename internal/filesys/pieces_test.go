package filesys

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// joined is a file that knows nothing of pieces.
type joined struct{ File }

func TestPiecesAreWrittenAsOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, maxPieces, 3*maxPieces + 7} {
		pieces := make([][]byte, n)
		for i := range pieces {
			pieces[i] = make([]byte, random.IntN(300))
			for j := range pieces[i] {
				pieces[i][j] = byte(random.Uint32())
			}
		}
		want := append([]byte("before"), slices.Concat(pieces...)...)
		for name, wrap := range map[string]func(File) File{"as they are": func(f File) File { return f }, "joined": func(f File) File { return joined{f} }} {
			path := filepath.Join(t.TempDir(), "a")
			f, err := OS.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte("before")); err != nil {
				t.Fatal(err)
			}
			if err := WritePieces(wrap(f), pieces, 6); err != nil {
				t.Errorf("%d pieces, %s: %v", n, name, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d pieces, %s: %d bytes, %v; want %d", n, name, len(got), err, len(want))
			}
		}
	}
}

func TestPiecesThatCannotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, f := range []File{f, joined{f}} {
		if err := WritePieces(f, [][]byte{{1}, {2}}, 0); err == nil {
			t.Error("written to a file opened for reading")
		}
	}
}
