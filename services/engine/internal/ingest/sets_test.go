package ingest

import (
	"bytes"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

func TestSetIDs(t *testing.T) {
	for _, c := range []struct {
		codec media.Codec
		nalu  []byte
		id    int
		known bool
	}{
		{media.H264, []byte{0x68, 0x80}, 0, true}, {media.H264, []byte{0x68, 0x40}, 1, true}, {media.H264, []byte{0x68, 0x28}, 4, true},
		{media.H264, []byte{0x67, 0x42, 0xc0, 0x1e, 0x60}, 2, true}, {media.H264, []byte{0x68}, 0, false}, {media.H264, []byte{0x68, 0}, 0, false},
		{media.H264, []byte{0x65, 0x80}, 0, false}, {media.H265, []byte{34 << 1, 1, 0x50}, 1, true}, {media.H265, []byte{32 << 1, 1, 0x1c}, 1, true},
		{media.H265, []byte{33 << 1, 1, 0x80}, 0, false},
	} {
		if id, known := setID(c.codec, c.nalu); known != c.known || known && id != c.id {
			t.Errorf("%s % x: %d, %v", c.codec, c.nalu, id, known)
		}
	}
}

// TestEveryPPSCounts: a camera with two may send the second once, alone, or with every keyframe.
func TestEveryPPSCounts(t *testing.T) {
	clip := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 2, GOP: 1})
	v, err := newVideo(&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: clip.SPS, PPS: clip.PPS})
	if err != nil {
		t.Fatal(err)
	}
	slice := clip.Units[0].NALUs[len(clip.Units[0].NALUs)-1]
	second, changed := []byte{0x68, 0x48, 0xe3}, []byte{0x68, 0x48, 0xe2}
	var last *media.Track
	for i, c := range []struct {
		sets [][]byte
		more []byte // nil: none
		new  bool   // another format than before
	}{
		{[][]byte{clip.SPS, clip.PPS}, nil, true},
		{[][]byte{clip.SPS, clip.PPS, second}, second, true},
		{[][]byte{clip.SPS, clip.PPS}, second, false},
		{[][]byte{second}, second, false},
		{nil, second, false},
		{[][]byte{second, clip.PPS}, second, false},
		{[][]byte{clip.SPS, changed}, changed, true},
	} {
		au := append(append([][]byte{}, c.sets...), slice)
		u, ok := v.unit(au, avcc(media.H264, au), int64(i)*3600, 0)
		if !ok {
			t.Fatalf("keyframe %d is refused", i)
		}
		tr := &u.tracks[0]
		if (tr != last) != c.new || !bytes.Equal(tr.PPS, clip.PPS) {
			t.Errorf("keyframe %d: new format %v, want %v; PPS % x", i, tr != last, c.new, tr.PPS)
		}
		if c.more == nil && len(tr.MoreSets) > 0 || c.more != nil && (len(tr.MoreSets) != 1 || !bytes.Equal(tr.MoreSets[0], c.more)) {
			t.Errorf("keyframe %d: further sets % x, want % x", i, tr.MoreSets, c.more)
		}
		last = tr
	}
}
