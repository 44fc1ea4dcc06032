package mkv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/filesys"
	"vigie/internal/filesystest"
	"vigie/services/engine/internal/media"
)

func FuzzFile(f *testing.F) {
	c := synthetic(25)
	path := filepath.Join(f.TempDir(), "a.mkv")
	w := c.write(f, path)
	open, _ := os.ReadFile(path)
	f.Add(rounds(f, c, 3))
	f.Add(open)
	f.Add(open[:len(open)-30])
	patch(f, path, w.Close())
	closed, _ := os.ReadFile(path)
	f.Add(closed)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		x, err := file.Scan()
		y, ok, terr := file.tail()
		for _, x := range []Extent{x, y} {
			if x.Size != 0 && (x.Size > int64(len(data)) || x.Size < file.layout.clusters) {
				t.Fatalf("size %d of %d", x.Size, len(data))
			}
			for _, c := range x.cues {
				if c.cluster < file.layout.clusters || c.cluster >= x.Size {
					t.Fatalf("cue at %d of %d", c.cluster, x.Size)
				}
			}
		}
		if (err != nil || terr != nil) || ok && y.Clusters == 0 {
			t.Fatalf("%v, %v, %v", err, terr, ok)
		}
		it, err := file.Frames(startNs)
		if err != nil {
			t.Fatal(err)
		}
		for {
			fr, err := it.Next()
			if err != nil {
				break
			}
			if fr.Track >= len(file.Run().Tracks) || len(fr.Payload) > len(data) {
				t.Fatalf("frame %+v", fr)
			}
		}
	})
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// described are tracks of every codec, as they are put into a CodecPrivate.
func described() []media.Track {
	tracks := []media.Track{
		{Codec: media.H264, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}},
		{Codec: media.H264, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, MoreSets: [][]byte{{0x67, 0x42, 0xc0, 0x1e, 2}, {0x68, 3}}},
		{Codec: media.H265, VPS: unhex("40010c01ffff01600000030090000003000003003c959809"),
			SPS: unhex("42010101600000030090000003000003003ca00a080f165959a4932bc05a020000030002000003003210"), PPS: unhex("4401c172b46240")},
		{Codec: media.MPEG4, Config: []byte{0, 0, 1, 0xb0, 1}},
		{Codec: media.MJPEG},
		{Codec: media.AAC, Config: []byte{0x11, 0x88}},
		{Codec: media.Opus, SampleRate: 48000, Channels: 2},
	}
	for _, c := range []media.Codec{media.PCMA, media.PCMU, media.G726x16, media.G726x24, media.G726x32, media.G726x40} {
		tracks = append(tracks, media.Track{Codec: c, SampleRate: 8000, Channels: 1})
	}
	return tracks
}

// TestCodecPrivateTellsTheCodec: each description is read as what it was made of, and no part of one is.
func TestCodecPrivateTellsTheCodec(t *testing.T) {
	for _, want := range described() {
		id, private, err := codecID(&want)
		if err != nil {
			t.Fatal(err)
		}
		got := media.Track{SampleRate: want.SampleRate, Channels: want.Channels} // these stand in the track entry
		if err := setCodec(&got, id, private); err != nil {
			t.Errorf("%s: %v", want.Codec, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", want.Codec, diff)
		}
		least := map[string]int{acm: 16, "A_OPUS": 19} // bytes; WAVEFORMATEX may end before the length of what follows
		for n := range least[id] {
			if err := setCodec(new(media.Track), id, private[:n]); err == nil {
				t.Errorf("%s: %d bytes of %d pass", want.Codec, n, len(private))
			}
		}
	}
	for name, c := range map[string]struct {
		id      string
		private []byte
	}{
		"another program's WAVEFORMATEX": {acm, []byte{1, 0, 1, 0, 64, 31, 0, 0, 64, 31, 0, 0, 1, 0, 8, 0, 0, 0}},
		"G.726 of 6 bits":                {acm, []byte{0x45, 0, 1, 0, 64, 31, 0, 0, 0, 0, 0, 0, 1, 0, 6, 0, 0, 0}},
		"OpusHead of another version":    {"A_OPUS", append([]byte("OpusHead\x02"), make([]byte, 10)...)},
		"Opus of several streams":        {"A_OPUS", append([]byte("OpusHead\x01\x08\x00\x00\x80\xbb\x00\x00\x00\x00\x01"), make([]byte, 10)...)},
		"unknown codec":                  {"A_VORBIS", nil},
	} {
		if err := setCodec(new(media.Track), c.id, c.private); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// FuzzCodecPrivate: a description that passes says what it means, and means the same once written anew.
func FuzzCodecPrivate(f *testing.F) {
	for _, t := range described() {
		id, private, err := codecID(&t)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(id, private)
	}
	f.Fuzz(func(t *testing.T, id string, private []byte) {
		first := media.Track{SampleRate: 8000, Channels: 1}
		if setCodec(&first, id, private) != nil {
			return
		}
		if forms[first.Codec].id != id {
			t.Fatalf("%q is taken for %s", id, first.Codec)
		}
		again, written, err := codecID(&first)
		if err != nil {
			return // parameter sets of which a file cannot be made, though they can be read
		}
		second := media.Track{SampleRate: 8000, Channels: 1}
		if err := setCodec(&second, again, written); err != nil {
			t.Fatalf("%s, written anew, is refused: %v", first.Codec, err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("written anew it says something else: %s", diff)
		}
	})
}

// FuzzRepair: whatever is in a file, repairing leaves it as it was, or closed with all the footage that was whole; a
// second time it changes nothing.
func FuzzRepair(f *testing.F) {
	c := synthetic(25)
	seed := filepath.Join(f.TempDir(), "a.mkv")
	w := c.write(f, seed)
	open, err := os.ReadFile(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(open)
	f.Add(open[:len(open)-30]) // torn
	marked := rounds(f, c, 3)
	f.Add(marked)
	f.Add(marked[:len(marked)-500])
	f.Add(open[:w.layout.clusters]) // without footage
	patch(f, seed, w.Close())
	closed, err := os.ReadFile(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(closed)
	half := bytes.Clone(open)
	copy(half[100:8000], closed[100:8000]) // cut while it was closed
	f.Add(half)
	f.Fuzz(func(t *testing.T, data []byte) {
		const path = "/disk/a.mkv"
		disk := filesystest.New()
		disk.AddVolume("/disk", 1<<30)
		content := func() []byte {
			b, err := filesys.ReadFile(disk, path)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		file, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(data); err != nil {
			t.Fatal(err)
		}
		r, err := repairFile(disk, path)
		left := content()
		if err != nil || r.Clusters == 0 {
			if !bytes.Equal(left, data) {
				t.Fatalf("a file that is not repaired (%+v, %v) was changed", r, err)
			}
			return
		}
		if int64(len(left)) != r.Size || r.Size+r.CutBytes != int64(len(data)) {
			t.Fatalf("%d bytes became %d, said to be %d after cutting %d", len(data), len(left), r.Size, r.CutBytes)
		}
		if !slices.Equal(footage(t, data[:r.Size]), footage(t, left)) {
			t.Fatal("the footage is another")
		}
		fixed, err := Open(bytes.NewReader(left), int64(len(left)))
		if err != nil || !fixed.Closed() || fixed.EndNs() != r.EndNs {
			t.Fatalf("repaired, it is no closed file that ends at %d: %+v, %v", r.EndNs, fixed, err)
		}
		again, err := repairFile(disk, path)
		if err != nil || again.CutBytes != 0 || again.EndNs != r.EndNs || again.Clusters != r.Clusters {
			t.Fatalf("a second repair after %+v: %+v, %v", r, again, err)
		}
		if !bytes.Equal(content(), left) {
			t.Fatal("a second repair changes the file")
		}
	})
}

// piece is what one frame of a file is.
type piece struct {
	Track   int
	PTS     int64
	Payload string
}

// footage is all that a file holds.
func footage(t *testing.T, data []byte) (all []piece) {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	it, err := f.Frames(0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		fr, err := it.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, piece{fr.Track, fr.PTSTicks, string(fr.Payload)})
	}
}
