package mkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestEveryCutIsWholeGOPs looks at cuts of a closed file, of one without Cues, and of one that grows.
func TestEveryCutIsWholeGOPs(t *testing.T) {
	c := synthetic(200)
	path := filepath.Join(t.TempDir(), "a.mkv")
	patch(t, path, c.write(t, path).Close())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	bare := bytes.Clone(b)
	copy(bare[40+4:], appendSize(nil, unknownSize, 8)) // open again: nothing of the front counts
	open, err := Open(bytes.NewReader(bare), int64(len(bare)))
	if err != nil || open.Closed() || len(open.cues) > 0 {
		t.Fatal(err)
	}
	whole, err := closed.Cut(0, 1<<62, false)
	if err != nil || whole.To != int64(len(b)) || whole.EndNs != closed.EndNs() || whole.More {
		t.Fatalf("%+v, %v", whole, err)
	}
	points := whole.Points
	if len(points) < 4 {
		t.Fatalf("%d keyframes", len(points))
	}
	for i, p := range points[:len(points)-1] {
		for _, f := range []*File{closed, open} {
			next := points[i+1]
			got, err := f.Cut(p.Ns+1000, p.Ns+2_000_000, false)
			if err != nil || got.From != p.Offset || got.To != next.Offset || got.StartNs != p.Ns || got.EndNs != next.Ns || len(got.Points) != 1 || !got.More {
				t.Errorf("within GOP %d: %+v, %v", i, got, err)
			}
			if got, err := f.Cut(p.Ns, next.Ns, false); err != nil || got.From != p.Offset || got.To != next.Offset {
				t.Errorf("exactly GOP %d: %+v, %v", i, got, err)
			}
		}
	}
	growing, err := open.Cut(0, 1<<62, true)
	if last := points[len(points)-1]; err != nil || growing.To != last.Offset || growing.EndNs != last.Ns || len(growing.Points) != len(points)-1 {
		t.Errorf("growing: %+v, %v", growing, err)
	}
	if _, err := open.Cut(points[len(points)-1].Ns, 1<<62, true); !errors.Is(err, ErrNoFootage) {
		t.Errorf("a GOP that is not whole: %v", err)
	}
}

// TestWhatIsLeftOfASpliceIsKnown: of a file whose end is missing.
func TestWhatIsLeftOfASpliceIsKnown(t *testing.T) {
	c := synthetic(50)
	s := &Splice{Run: c.run, Meta: c.meta(), EndNs: c.meta().StartNs + 2e9, Clusters: 1000, AttachTo: "a", MediaType: "b", Attach: 77}
	front, back, err := s.Front()
	if err != nil {
		t.Fatal(err)
	}
	whole := append(append(bytes.Clone(front), appendVoid(nil, 1000)...), back...)
	x, err := ReadRemains(bytes.NewReader(whole), int64(len(whole)))
	if err != nil || x.Missing != 77 || x.StartNs != s.Meta.StartNs || x.EndNs != s.EndNs || x.LastNs != 0 {
		t.Errorf("%+v, %v", x, err)
	}
	if _, err := ReadRemains(bytes.NewReader(front), 20); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func FuzzRebase(f *testing.F) {
	cluster := func(tick uint64, blocks ...byte) []byte {
		b := append([]byte{0x1f, 0x43, 0xb6, 0x75, 0x10, 0, 0, 0, idCRC32, 0x84, 0, 0, 0, 0, idTimestamp, 0x88}, binary.BigEndian.AppendUint64(nil, tick)...)
		b = append(b, blocks...)
		binary.BigEndian.PutUint32(b[4:], 1<<28|uint32(len(b)-8))
		return b
	}
	f.Add(cluster(5, idVoid, 0x81, 1, idSimpleBlock, 0x85, 0x81, 0xff, 0xf0, 0x80, 1), int64(-3))
	f.Add(cluster(0, idSimpleBlock, 0x84, 0x81, 0, 9, 0x80), int64(-5))
	f.Add(cluster(1<<41), int64(0))
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, delta int64) {
		n, err := ClusterSize(b)
		if err != nil || n > int64(len(b)) {
			return
		}
		b = b[:n]
		at, _, err := Rebase(b, delta)
		if err != nil {
			return
		}
		if again, err := ClusterSize(b); err != nil || again != n || at < 0 || at != int64(binary.BigEndian.Uint64(b[16:]))*tickNs {
			t.Errorf("it is no cluster of %d bytes any more: %v", n, err)
		}
		if _, ok := checkCRC(b[8:]); !ok {
			t.Error("its CRC is wrong")
		}
	})
}

func FuzzReadRemains(f *testing.F) {
	c := synthetic(30)
	front, back, err := (&Splice{Run: c.run, Meta: c.meta(), EndNs: c.meta().StartNs + 1e9}).Front()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(front, back...))
	f.Add(front[:200])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := ReadRemains(bytes.NewReader(b), int64(len(b))); err == nil && x.StartNs == 0 {
			t.Errorf("%+v", x)
		}
	})
}
