package mkv

import (
	"bytes"
	"os"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// clip is a run's frames, interleaved as a camera sends them.
type clip struct {
	name   string
	run    *media.Run
	frames []*media.Frame
}

var startNs = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC).UnixNano()

// interleave repeats both clips until seconds are covered.
func interleave(name string, v *cameratest.Video, a *cameratest.Audio, seconds int) *clip {
	c := &clip{name: name, run: &media.Run{Camera: "k3f9x2ab", Stream: "main", StartNs: startNs, Tracks: []media.Track{v.Track()}}}
	if a != nil {
		c.run.Tracks = append(c.run.Tracks, a.Track())
	}
	step := int64(90000 / v.Rate)
	audio, samples := 0, int64(0)
	first := v.Units[0].PTS
	for i := range seconds * v.Rate {
		u := v.Units[i%len(v.Units)]
		dts := int64(i) * step
		for a != nil && samples*90000 < dts*int64(a.SampleRate) {
			c.frames = append(c.frames, &media.Frame{Run: c.run, Track: 1, Keyframe: false, PTSTicks: samples, DTSTicks: samples, DurationTicks: int64(a.Samples), Payload: a.Units[audio%len(a.Units)]})
			audio++
			samples += int64(a.Samples)
		}
		pts := int64(i/len(v.Units))*v.Duration() + u.PTS
		c.frames = append(c.frames, &media.Frame{Run: c.run, Track: 0, Keyframe: u.Key, PTSTicks: pts, DTSTicks: dts - first, Payload: v.Payload(u)})
	}
	return c
}

func (c *clip) meta() Meta {
	start := int64(0)
	for _, f := range c.frames {
		if f.Track == 0 {
			start = f.TimeNs()
			break
		}
	}
	return Meta{App: "Vigie test", Appliance: "vigie-1", CameraName: "Gate <east> & ü", Kind: "standard", Clock: "synchronised",
		UUID: [16]byte{1, 2, 3}, PrevUUID: [16]byte{9}, StartNs: start}
}

func clips(t testing.TB) []*clip {
	h264 := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	mjpeg := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MJPEG})
	return []*clip{
		interleave("h264", h264, nil, 3),
		interleave("h264 aac", h264, cameratest.EncodeAudio(t, media.AAC), 3),
		interleave("h264 pcma", h264, cameratest.EncodeAudio(t, media.PCMA), 3),
		interleave("h264 pcmu", h264, cameratest.EncodeAudio(t, media.PCMU), 3),
		interleave("h264 b-frames", cameratest.EncodeVideo(t, cameratest.VideoOptions{BFrames: 2}), nil, 2),
		interleave("mpeg4 opus", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4}), cameratest.EncodeAudio(t, media.Opus), 3),
		interleave("mpeg4 b-vops", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, BFrames: 1}), nil, 2),
		interleave("mjpeg g726-16", mjpeg, cameratest.EncodeAudio(t, media.G726x16), 3),
		interleave("mjpeg g726-24", mjpeg, cameratest.EncodeAudio(t, media.G726x24), 3),
		interleave("h264 g726-32", h264, cameratest.EncodeAudio(t, media.G726x32), 3),
		interleave("h264 g726-40", h264, cameratest.EncodeAudio(t, media.G726x40), 3),
		interleave("h264 at 100 frames a second", cameratest.EncodeVideo(t, cameratest.VideoOptions{Rate: 100}), nil, 3),
		interleave("h265 aac", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265}), cameratest.EncodeAudio(t, media.AAC), 3),
	}
}

// write makes a file of a clip and leaves it open: all clusters are in it, nothing is patched.
func (c *clip) write(t testing.TB, path string) *Writer {
	t.Helper()
	w, err := NewWriter(c.run, c.meta())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	take := func() {
		b := w.Take()
		if b.Offset != int64(file.Len()) {
			t.Fatalf("offset %d at length %d", b.Offset, file.Len())
		}
		for _, p := range b.Pieces {
			file.Write(p)
		}
		if int(b.Offset)+b.Size != file.Len() {
			t.Fatalf("%d bytes are said to be %d", file.Len()-int(b.Offset), b.Size)
		}
		w.Recycle(b)
	}
	for _, f := range c.frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
		take()
	}
	w.EndCluster()
	take()
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func patch(t testing.TB, path string, patches []Patch) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range patches {
		if _, err := f.WriteAt(p.Data, p.Offset); err != nil {
			t.Fatal(err)
		}
	}
}

// stored leaves out what a writer drops: audio from before the first picture.
func (c *clip) stored() []*media.Frame {
	var list []*media.Frame
	for _, f := range c.frames {
		if len(list) == 0 && f.Track != 0 || f.TimeNs() < c.meta().StartNs-tickNs/2 {
			continue
		}
		list = append(list, f)
	}
	return list
}

// synthetic is a clip whose pictures nobody could decode, for what looks only at the container.
func synthetic(frames int) *clip {
	run := &media.Run{Camera: "k3f9x2ab", Stream: "sub", StartNs: startNs, Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, Width: 640, Height: 360},
		{Codec: media.PCMU, ClockRate: 8000, SampleRate: 8000, Channels: 1},
	}}
	c := &clip{run: run}
	for i := range frames {
		c.frames = append(c.frames,
			&media.Frame{Run: run, Track: 0, Keyframe: i%10 == 0, PTSTicks: int64(i) * 9000, DTSTicks: int64(i) * 9000, Payload: bytes.Repeat([]byte{byte(i)}, 20)},
			&media.Frame{Run: run, Track: 1, PTSTicks: int64(i) * 800, DTSTicks: int64(i) * 800, DurationTicks: 800, Payload: bytes.Repeat([]byte{0x55}, 800)})
	}
	return c
}

func videoOf(frames []*media.Frame) (n int) {
	for _, f := range frames {
		if f.Track == 0 {
			n++
		}
	}
	return n
}
