package mkv

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"vigie/internal/filesys"
)

// repairFile repairs a file as archive does.
func repairFile(fsys filesys.FS, path string) (*Repaired, error) {
	fd, err := fsys.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	r, err := Repair(fd)
	return r, errors.Join(err, fd.Sync(), fd.Close())
}

// rounds is what is on disk of a clip that is written every so many frames.
func rounds(t testing.TB, c *clip, frames int) (out []byte) {
	meta := c.meta()
	meta.UUID = [16]byte{7, 6, 5, 4, 3, 2, 1, 9}
	w, err := NewWriter(c.run, meta)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range c.frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
		if i%frames != frames-1 {
			continue
		}
		w.EndCluster()
		b := w.Take()
		for _, p := range b.Pieces {
			out = append(out, p...)
		}
		w.Recycle(b)
	}
	return out
}

// reads counts what is asked of a disk.
type reads struct {
	io.ReaderAt
	n     int
	bytes int64
}

func (r *reads) ReadAt(p []byte, off int64) (int, error) {
	r.n++
	r.bytes += int64(len(p))
	return r.ReaderAt.ReadAt(p, off)
}

// both finds the end of a file from its end and from its beginning.
func both(t *testing.T, b []byte) (tail, scan Extent, ok bool) {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if scan, err = f.Scan(); err != nil {
		t.Fatal(err)
	}
	if tail, ok, err = f.tail(); err != nil {
		t.Fatal(err)
	}
	return tail, scan, ok
}

func TestTheEndIsFoundFromTheEnd(t *testing.T) {
	same := func(what string, n int, tail, scan Extent) {
		t.Helper()
		if tail.Size != scan.Size || tail.EndNs != scan.EndNs || !slices.Equal(tail.cues, scan.cues) {
			t.Fatalf("%s %d: from the end %d bytes to %d with %v, from the beginning %d bytes to %d with %v", what, n,
				tail.Size, tail.EndNs, tail.cues, scan.Size, scan.EndNs, scan.cues)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, frames := range []int{1, 3, 40} {
		for _, key := range []int{1, 10, 100} { // a keyframe each tenth of a second, each second, and each ten
			c := synthetic(110)
			for i, f := range c.frames {
				f.Keyframe = i%(2*key) == 0
			}
			whole := rounds(t, c, frames)
			tail, scan, ok := both(t, whole)
			if same("whole", frames, tail, scan); !ok {
				t.Fatalf("%d frames a write: the end is not found from the end", frames)
			}
			file, err := Open(bytes.NewReader(whole), int64(len(whole)))
			if err != nil {
				t.Fatal(err)
			}
			written, found, err := file.lastMark(0, whole)
			if err != nil || !found {
				t.Fatal(found, err)
			}
			for n := len(whole) - 3000; n < len(whole); n += 1 + random.IntN(60) {
				if tail, scan, ok := both(t, whole[:n]); ok {
					same("cut at", n, tail, scan)
				} else {
					t.Fatalf("cut at %d: the end is not found", n)
				}
				b := bytes.Clone(whole)
				b[n] ^= 4
				if tail, scan, _ := both(t, b); int64(n) >= written.offset { // what was synced before is not looked at again
					same("flip at", n, tail, scan)
				}
			}
			holes := bytes.Clone(whole)
			clear(holes[scan.Size-900:])
			tail, scan, _ = both(t, append(holes, make([]byte, 5000)...))
			if tail.Size < scan.Size {
				same("zeros", frames, tail, scan)
			}
		}
	}
}

func TestFewReadsFindTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		frames, key, round, size int
		most                     int
	}{
		"usual":                 {400, 20, 3, 50_000, 2}, // 4 Mbit/s
		"keyframes far apart":   {400, 300, 3, 50_000, 2},
		"small pictures":        {1000, 20, 3, 3000, 2},
		"keyframes all":         {2000, 1, 3, 5000, 3},
		"large and rare writes": {100, 20, 20, 200_000, 4}, // 4 MB each
	} {
		clip := synthetic(c.frames)
		for i, f := range clip.frames {
			if f.Track == 0 {
				f.Keyframe = i%(2*c.key) == 0
				f.Payload = make([]byte, c.size)
			}
		}
		b := rounds(t, clip, 2*c.round)
		b = b[:len(b)-1000] // torn
		disk := &reads{ReaderAt: bytes.NewReader(b)}
		front := b[:frontBytes]
		f, err := Open(&span{disk, 0, front}, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		x, ok, err := f.tail()
		if err != nil || !ok || x.Size < int64(len(b)-2*c.round*c.size) || x.Size > int64(len(b)) {
			t.Fatalf("%s: %v, %v, %d of %d bytes", name, ok, err, x.Size, len(b))
		}
		if disk.n+1 > c.most {
			t.Errorf("%s: %d reads of %d bytes, want %d", name, disk.n+1, disk.bytes, c.most)
		}
		if want := (c.frames + c.key - 1) / c.key; len(x.cues) < want-2*c.round/c.key-1 || len(x.cues) > want {
			t.Errorf("%s: %d keyframes, want about %d", name, len(x.cues), want)
		}
		t.Logf("%s: %d bytes, %d reads of %d", name, len(b), disk.n+1, disk.bytes+frontBytes)
	}
}

// TestAPictureIsNotTakenForACluster records a camera whose pictures contain the end of an earlier recording.
func TestAPictureIsNotTakenForACluster(t *testing.T) {
	inner := rounds(t, synthetic(60), 4)
	c := synthetic(60)
	last := c.frames[len(c.frames)-2]
	last.Payload = append(bytes.Repeat([]byte{1}, 100), inner[len(inner)-20_000:]...)
	b := rounds(t, c, 4)
	tail, scan, ok := both(t, b)
	if !ok || tail.Size != int64(len(b)) || tail.Size != scan.Size || tail.EndNs != scan.EndNs {
		t.Errorf("%v: %d bytes to %d, want %d to %d", ok, tail.Size, tail.EndNs, len(b), scan.EndNs)
	}
}
