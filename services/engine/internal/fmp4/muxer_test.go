package fmp4

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 123_456_789, time.UTC)

// mux writes frames as one file, a fragment for each video frame and the audio after it, as live does.
func mux(t testing.TB, frames []*media.Frame, batch int) (m *Muxer, file []byte) {
	t.Helper()
	m, err := NewMuxer(frames[0].Run)
	if err != nil {
		t.Fatal(err)
	}
	if file, err = m.Init(); err != nil {
		t.Fatal(err)
	}
	var pending []*media.Frame
	video := 0
	for _, f := range frames {
		if f.Track == 0 {
			if video++; video > batch {
				file, pending, video = m.Fragment(file, pending, f.DTSTicks), pending[:0], 1
			}
		}
		pending = append(pending, f)
	}
	return m, m.Fragment(file, pending, 0)
}

type packet struct {
	Index    int    `json:"stream_index"`
	PTS      int64  `json:"pts"`
	DTS      int64  `json:"dts"`
	Duration int64  `json:"duration"`
	Flags    string `json:"flags"`
}

type probed struct {
	Streams []struct {
		Codec    string `json:"codec_name"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
		Rate     string `json:"sample_rate"`
		TimeBase string `json:"time_base"`
		Frames   string `json:"nb_read_frames"`
	} `json:"streams"`
	Packets []packet `json:"packets"`
}

func probe(t testing.TB, file []byte) (p probed) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f.mp4")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-show_packets", "-of", "json", name)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v: %s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// checkDurations lets another reader tell whether each fragment ends where the track's next begins.
func checkDurations(t testing.TB, frames []*media.Frame, file []byte) {
	t.Helper()
	at := bytes.Index(file, []byte("moof")) - 4
	var parts fmp4.Parts
	if err := parts.Unmarshal(file[at:]); err != nil {
		t.Fatal(err)
	}
	ends, samples := map[int]uint64{}, 0
	for _, p := range parts {
		for _, track := range p.Tracks {
			if e, ok := ends[track.ID]; ok && e != track.BaseTime {
				t.Fatalf("track %d: a fragment begins at %d, the one before ended at %d", track.ID, track.BaseTime, e)
			}
			ends[track.ID] = track.BaseTime
			for _, s := range track.Samples {
				ends[track.ID] += uint64(s.Duration)
				samples++
			}
		}
	}
	if samples != len(frames) {
		t.Errorf("%d samples, want %d", samples, len(frames))
	}
}

func ticksAt(at time.Time, rate int64) int64 {
	return at.Unix()*rate + int64(at.Nanosecond())*rate/1e9
}

func TestFFmpegReadsEveryFrameAtItsTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		video  cameratest.VideoOptions
		audio  media.Codec
		codecs []string
		mime   string
	}{
		{"h264 aac", cameratest.VideoOptions{}, media.AAC, []string{"h264", "aac"}, `video/mp4; codecs="avc1.`},
		{"h264 b-frames g711", cameratest.VideoOptions{BFrames: 2}, media.PCMA, []string{"h264", "flac"}, `,flac"`},
		{"h265 g711", cameratest.VideoOptions{Codec: media.H265}, media.PCMU, []string{"hevc", "flac"}, `codecs="hvc1.1.6.L`},
		{"h264 opus", cameratest.VideoOptions{}, media.Opus, []string{"h264", "opus"}, `,opus"`},
		{"h264 g726", cameratest.VideoOptions{}, media.G726x32, []string{"h264", "flac"}, `,flac"`},
		{"h265 alone", cameratest.VideoOptions{Codec: media.H265, BFrames: 2}, "", []string{"hevc"}, `codecs="hvc1.1.6.L`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := cameratest.EncodeVideo(t, c.video)
			var a *cameratest.Audio
			if c.audio != "" {
				a = cameratest.EncodeAudio(t, c.audio)
			}
			frames := cameratest.Frames(epoch, v, a, 75)
			for _, batch := range []int{1, 10} {
				m, file := mux(t, frames, batch)
				if !strings.Contains(m.Mime(), c.mime) {
					t.Errorf("type %s", m.Mime())
				}
				checkDurations(t, frames, file)
				p := probe(t, file)
				for i, s := range p.Streams {
					want := 0
					for _, f := range frames {
						if f.Track == i {
							want++
						}
					}
					if s.Codec != c.codecs[i] || s.Frames != strconv.Itoa(want) {
						t.Errorf("stream %d: %s with %s frames, want %s with %d", i, s.Codec, s.Frames, c.codecs[i], want)
					}
				}
				var at [2]int
				var byTrack [2][]packet
				for _, k := range p.Packets {
					byTrack[k.Index] = append(byTrack[k.Index], k)
				}
				for _, f := range frames {
					k := byTrack[f.Track][at[f.Track]]
					at[f.Track]++
					tick0 := ticksAt(epoch, int64(f.Run.Tracks[f.Track].ClockRate))
					if k.DTS != tick0+f.DTSTicks || k.PTS != tick0+f.PTSTicks {
						t.Fatalf("track %d frame %d: dts %d pts %d, want %d %d", f.Track, at[f.Track], k.DTS, k.PTS, tick0+f.DTSTicks, tick0+f.PTSTicks)
					}
					want := int64(3600)
					if f.Track == 1 {
						want = f.DurationTicks
					}
					if c.codecs[f.Track] == "flac" || c.codecs[f.Track] == "opus" {
						want = k.Duration // ffprobe tells its own, or none; checkDurations looks at the file's
					}
					if k.Duration != want || strings.HasPrefix(k.Flags, "K") != f.Keyframe {
						t.Fatalf("track %d frame %d: duration %d flags %s", f.Track, at[f.Track], k.Duration, k.Flags)
					}
				}
			}
		})
	}
}

func TestSwitchGoesOnWithoutANewInit(t *testing.T) {
	v, a := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25}), cameratest.EncodeAudio(t, media.PCMU)
	first, second := cameratest.Frames(epoch, v, a, 25), cameratest.Frames(epoch.Add(90*time.Second), v, a, 25)
	m, file := mux(t, first, 5)
	if !first[0].Run.SameFormat(second[0].Run) {
		t.Fatal("formats differ")
	}
	m.Switch(second[0].Run)
	file = m.Fragment(file, second, 0)
	p := probe(t, file)
	if p.Streams[0].Frames != "50" {
		t.Errorf("%s frames", p.Streams[0].Frames)
	}
	last := p.Packets[len(p.Packets)-1]
	if d := last.PTS - ticksAt(epoch, 8000); last.Index != 1 || d < 90*8000 {
		t.Errorf("the second run ends at %d", d)
	}
}

func TestChromiumPlays(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{BFrames: 1})
	for _, c := range []struct {
		audio media.Codec
		batch int
	}{{media.AAC, 1}, {media.PCMA, 1}, {media.PCMU, 7}, {media.Opus, 1}, {media.G726x32, 1}} {
		t.Run(string(c.audio), func(t *testing.T) {
			m, file := mux(t, cameratest.Frames(epoch, v, cameratest.EncodeAudio(t, c.audio), 75), c.batch)
			got := cameratest.Browse(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Vigie-Mime", m.Mime())
				w.Write(file)
			}), `async function feed(append, note) {
				const r = await fetch('/media');
				await append(r.headers.get('Vigie-Mime'), await r.arrayBuffer());
				await playFor(1.5);
			}`)
			start := float64(epoch.UnixNano()) / 1e9
			if got.Error != "" || got.CurrentTime < start+1.5 || got.Width != 320 || got.Height != 240 || got.Frames < 30 || got.AudioBytes == 0 || got.Colours < 20 {
				t.Errorf("got %+v", got)
			}
			if got.Ranges != 1 || got.BufferedStart < start-0.1 || got.BufferedStart > start+0.2 || got.BufferedEnd < start+2.8 || got.BufferedEnd > start+3.3 {
				t.Errorf("buffered %.3f to %.3f in %d ranges, want %.3f and 3 s on", got.BufferedStart, got.BufferedEnd, got.Ranges, start)
			}
		})
	}
}

// TestFurtherParameterSetsGoWithKeyframes: of a camera that uses several, but sends them only at first.
func TestFurtherParameterSetsGoWithKeyframes(t *testing.T) {
	frames := cameratest.Frames(epoch, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 50)
	_, plain := mux(t, frames, 10)
	more := []byte{0x68, 1, 2, 3, 4}
	frames[0].Run.Tracks[0].MoreSets = [][]byte{more}
	_, file := mux(t, frames, 10)
	if n := bytes.Count(file, more); n != 2 || len(file) != len(plain)+2*(4+len(more)) {
		t.Errorf("the set is there %d times, want with each of 2 keyframes", n)
	}
	checkDurations(t, frames, file)
}

func TestWhatCannotBeMuxedIsRefused(t *testing.T) {
	for _, tr := range []media.Track{
		{Codec: media.MJPEG, ClockRate: 90000, Width: 320},
		{Codec: media.MPEG4, ClockRate: 90000, Width: 320},
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67}},
		{Codec: media.H265, ClockRate: 90000, SPS: []byte{0x42, 1, 1}},
		{Codec: media.AAC, ClockRate: 48000},
		{Codec: media.PCMA, ClockRate: 8000, SampleRate: 8000, Channels: 9},
	} {
		if _, err := NewMuxer(&media.Run{Tracks: []media.Track{tr}}); err == nil {
			t.Errorf("%+v: no error", tr)
		} else if u := new(UnplayableError); tr.Width > 0 && (!errors.As(err, &u) || u.Codec != tr.Codec) {
			t.Errorf("%+v: %v", tr, err)
		}
	}
}

// TestOptions: a page gets JPEG pictures as they are, and no sound where it wants none.
func TestOptions(t *testing.T) {
	picture := output(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240", "-frames:v", "1", "-f", "mjpeg", "-")
	a := cameratest.EncodeAudio(t, media.PCMU)
	run := &media.Run{StartNs: epoch.UnixNano(), Tracks: []media.Track{{Codec: media.MJPEG, ClockRate: 90000, Width: 320, Height: 240}, a.Track()}}
	frames := []*media.Frame{
		{Run: run, Keyframe: true, Payload: picture},
		{Run: run, Track: 1, Keyframe: true, DurationTicks: int64(a.Samples), Payload: a.Units[0]},
		{Run: run, Keyframe: true, PTSTicks: 9000, DTSTicks: 9000, Payload: picture},
	}
	for _, c := range []struct {
		options Options
		mime    string
		codecs  []string
	}{
		{Options{JPEG: true}, `video/mp4; codecs="mp4v.6C,flac"`, []string{"mjpeg", "flac"}},
		{Options{JPEG: true, NoAudio: true}, `video/mp4; codecs="mp4v.6C"`, []string{"mjpeg"}},
	} {
		m, err := c.options.NewMuxer(run)
		if err != nil {
			t.Fatal(err)
		}
		file, err := m.Init()
		if err != nil {
			t.Fatal(err)
		}
		var taken []*media.Frame
		for _, f := range frames {
			if m.Takes(f.Track) {
				taken = append(taken, f)
			}
		}
		p := probe(t, m.Fragment(file, taken, 18000))
		var got []string
		for _, s := range p.Streams {
			got = append(got, s.Codec)
		}
		if m.Mime() != c.mime || !slices.Equal(got, c.codecs) || p.Streams[0].Frames != "2" {
			t.Errorf("%+v: %s %v", c.options, m.Mime(), p.Streams)
		}
	}
	sound := &media.Run{Tracks: []media.Track{a.Track()}}
	if m, err := (Options{NoAudio: true}).NewMuxer(sound); err != nil || !m.Takes(0) || m.Mime() != `audio/mp4; codecs="flac"` {
		t.Errorf("sound alone: %v", err)
	}
}

func output(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// One fragment a frame, as live makes them for each viewer.
func BenchmarkFragment(b *testing.B) {
	frames := cameratest.Frames(epoch, cameratest.EncodeVideo(b, cameratest.VideoOptions{}), cameratest.EncodeAudio(b, media.PCMU), 50)
	m, err := NewMuxer(frames[0].Run)
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := i % (len(frames) - 2)
		buf = m.Fragment(buf[:0], frames[k:k+2], 0)
	}
}
