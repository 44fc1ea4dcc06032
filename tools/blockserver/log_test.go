package blockserver

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestWhatRemainsOfALogIsWhatACutDiskHas: at each moment of a log of any operations a cut of its replay leaves, by the same choice,
// what a cut of a disk leaves to which the same was done, with the next write under way.
func TestWhatRemainsOfALogIsWhatACutDiskHas(t *testing.T) {
	const size = 64 << 10
	r := rand.New(rand.NewPCG(5, 6))
	before := bytes.Repeat([]byte{0xee}, 3*sector)
	recorded, _ := newDisk(t, size)
	if err := recorded.Write(before, 2*sector, 3*sector, false); err != nil {
		t.Fatal(err)
	}
	log, err := recorded.Record(filepath.Join(t.TempDir(), "base"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		off, n := int64(r.IntN(32))*sector, int64(1+r.IntN(8))*sector
		data := bytes.Repeat([]byte{byte(i)}, int(n))
		switch r.IntN(8) {
		case 0:
			err = recorded.Flush()
		case 1:
			err = recorded.Write(nil, off, n, false)
		case 2:
			err = recorded.Write(data, off, n, true)
		default:
			err = recorded.Write(data, off, n, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ops := log.Ops()
	if len(ops) != 120 {
		t.Fatalf("%d operations are noted", len(ops))
	}
	replay, err := log.Replay(filepath.Join(t.TempDir(), "replay"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := replay.Close(); err != nil {
			t.Error(err)
		}
	})
	lost := 0
	for n := range len(ops) + 1 {
		if err := replay.To(n); err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(5) {
			d, path := newDisk(t, size)
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(d.Write(before, 2*sector, 3*sector, true))
			for i, o := range ops[:min(n+1, len(ops))] {
				if o.Flush() {
					if i < n {
						must(d.Flush())
					}
				} else {
					must(d.Write(o.data, o.Off, o.Size, o.Through && i < n))
				}
			}
			unflushed, gone, err := d.Cut(rand.New(rand.NewPCG(seed, 1)))
			must(err)
			want, err := os.ReadFile(path)
			must(err)
			remains := replay.Cut(rand.New(rand.NewPCG(seed, 1)))
			got, err := io.ReadAll(io.NewSectionReader(remains, 0, size))
			must(err)
			copied := filepath.Join(t.TempDir(), "copied")
			must(remains.CopyTo(copied))
			again, err := os.ReadFile(copied)
			must(err)
			if !bytes.Equal(got, want) || !bytes.Equal(again, want) || remains.Unflushed != unflushed || remains.Lost != gone {
				t.Fatalf("after %d, choice %d: the remains are the disk's: %v, copied: %v; %d of %d bytes lost, want %d of %d",
					n, seed, bytes.Equal(got, want), bytes.Equal(again, want), remains.Lost, remains.Unflushed, gone, unflushed)
			}
			if gone > 0 && gone < unflushed {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("no cut lost a part of what was not flushed")
	}
	lying, err := log.Replay(filepath.Join(t.TempDir(), "lying"))
	if err != nil {
		t.Fatal(err)
	}
	lying.Lies = true
	if err := lying.To(len(ops)); err != nil {
		t.Fatal(err)
	}
	written := int64(0)
	for _, o := range ops {
		written += o.Size
	}
	if left := lying.Cut(r); left.Unflushed != written {
		t.Errorf("of a disk that lies %d bytes are not flushed, of %d", left.Unflushed, written)
	}
	if err := lying.Close(); err != nil {
		t.Error(err)
	}
	if err := replay.To(3); err == nil {
		t.Error("a replay went back")
	}
	if err := replay.To(len(ops) + 1); err == nil {
		t.Error("a replay went beyond the end of its log")
	}
}

func TestWhatIsNotRecordedIsInTheBase(t *testing.T) {
	d, _ := newDisk(t, 1<<20)
	whole := bytes.Repeat([]byte{7}, sector)
	if err := d.Write(whole, 0, sector, false); err != nil { // not flushed by who wrote it
		t.Fatal(err)
	}
	if err := d.Write(whole, 1<<20-sector, sector, false); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "base")
	log, err := d.Record(base)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(base)
	if err != nil || len(b) != 1<<20 || !bytes.Equal(b[:sector], whole) || !bytes.Equal(b[1<<20-sector:], whole) || b[sector] != 0 {
		t.Errorf("a base of %d bytes (%v)", len(b), err)
	}
	if n := len(log.Ops()); n != 0 {
		t.Errorf("%d operations are noted", n)
	}
}
