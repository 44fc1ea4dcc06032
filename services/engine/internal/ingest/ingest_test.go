package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

// TestMain lets several tests wait for their cameras at once; by default there are as many as processors. Fuzzing does not
// wait.
func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" || f.Name == "test.fuzz" })
	if !said {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// rig is an Ingest that runs, and a reader of its ring.
type rig struct {
	*Ingest
	ring   *ring.Ring
	reader *ring.Reader
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, url string, change func(*Ingest)) *rig {
	t.Helper()
	r := &rig{ring: ring.New(ring.Config{MaxBytes: 64 << 20}), log: &lockedBuffer{}}
	a, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	r.Ingest = New(Config{Camera: "k3f9x2ab", Stream: "main", URL: a.URL, Username: a.Username, Password: a.Password,
		Ring: r.ring, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	if change != nil {
		change(r.Ingest)
	}
	r.reader = r.ring.NewReader(ring.ReaderConfig{Guaranteed: true, Start: ring.Oldest})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

// frames reads until enough says so.
func (r *rig) frames(t *testing.T, enough func([]*media.Frame) bool) []*media.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var got []*media.Frame
	dst := make([]*media.Frame, 1)
	for !enough(got) {
		n, lost, err := r.reader.Read(ctx, dst)
		if err != nil || lost != 0 {
			t.Fatalf("after %d frames: lost %d, %v; state %+v", len(got), lost, err, r.State())
		}
		got = append(got, dst[:n]...)
	}
	return got
}

func videoFrames(n int) func([]*media.Frame) bool {
	return func(got []*media.Frame) bool { return len(ofTrack(got, 0)) >= n }
}

func ofTrack(frames []*media.Frame, track int) (out []*media.Frame) {
	for _, f := range frames {
		if f.Track == track {
			out = append(out, f)
		}
	}
	return out
}

// wait waits for a state.
func (r *rig) wait(t *testing.T, limit time.Duration, what string, ok func(api.CameraState) bool) api.CameraState {
	t.Helper()
	end := time.Now().Add(limit)
	for {
		s := r.State()
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("not %s in %v: %+v", what, limit, s)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func offline(code string) func(api.CameraState) bool {
	return func(s api.CameraState) bool { return s.Status == api.CameraStateStatusOffline && s.Code == code }
}

// checkOrder holds frames to what package media promises.
func checkOrder(t *testing.T, frames []*media.Frame) {
	t.Helper()
	last := map[*media.Run][2]int64{}
	for _, f := range frames {
		l, known := last[f.Run]
		if !known {
			l = [2]int64{-1, -1}
			if !f.Keyframe || f.Track != 0 {
				t.Errorf("run begins with track %d, keyframe %v", f.Track, f.Keyframe)
			}
		}
		if f.DTSTicks <= l[f.Track] {
			t.Errorf("track %d: decode time %d follows %d", f.Track, f.DTSTicks, l[f.Track])
		}
		l[f.Track] = f.DTSTicks
		last[f.Run] = l
	}
}

// nalus takes a payload apart.
func nalus(t *testing.T, payload []byte) (out [][]byte) {
	t.Helper()
	for len(payload) > 0 {
		n := int(binary.BigEndian.Uint32(payload))
		out = append(out, payload[4:4+n])
		payload = payload[4+n:]
	}
	return out
}

func TestEveryFrameArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		video cameratest.VideoOptions
		audio media.Codec
		o     cameratest.CameraOptions
		cam   *cameratest.Camera
		rig   *rig
	}{
		{name: "H264 AAC", audio: media.AAC},
		{name: "H264 B frames", video: cameratest.VideoOptions{BFrames: 2}, audio: media.PCMA},
		{name: "H264 params in band only, RTP time wraps", o: cameratest.CameraOptions{NoSDPParams: true, FirstRTP: 1<<32 - 45000}},
		{name: "H264 params in SDP only", o: cameratest.CameraOptions{NoInBandParams: true}, video: cameratest.VideoOptions{BFrames: 1}},
		{name: "H264 slices", video: cameratest.VideoOptions{Slices: 4, Size: "640x480"}},
		{name: "H265 G.711", video: cameratest.VideoOptions{Codec: media.H265}, audio: media.PCMU},
		{name: "H265 B frames open GOP", video: cameratest.VideoOptions{Codec: media.H265, BFrames: 2, OpenGOP: true}},
		{name: "H265 params in SDP only", o: cameratest.CameraOptions{NoInBandParams: true}, video: cameratest.VideoOptions{Codec: media.H265}},
	}
	for i := range cases { // all at once: the test's time is that of the cameras
		c := &cases[i]
		c.o.Video = cameratest.EncodeVideo(t, c.video)
		if c.audio != "" {
			c.o.Audio = cameratest.EncodeAudio(t, c.audio)
		}
		c.cam = cameratest.Start(t, c.o)
		c.rig = start(t, c.cam.URL, nil)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cam, r := c.cam, c.rig
			got := r.frames(t, videoFrames(60))
			checkOrder(t, got)
			run := got[0].Run
			want := c.o.Video.Track()
			track := run.Tracks[0]
			if string(track.SPS) != string(want.SPS) || string(track.PPS) != string(want.PPS) || string(track.VPS) != string(want.VPS) {
				t.Errorf("parameter sets are not the camera's")
			}
			if c.video.Size == "" && (track.Width != 320 || track.Height != 240) {
				t.Errorf("size %dx%d", track.Width, track.Height)
			}
			checkVideo(t, cam, c.o, ofTrack(got, 0))
			if a := c.o.Audio; a != nil {
				checkAudio(t, a, ofTrack(got, 1))
			}
			late := make([][]time.Duration, len(run.Tracks))
			for _, f := range got {
				if f.Run != run {
					t.Fatalf("a second run began")
				}
				d := time.Duration(f.ArrivalNs - f.TimeNs())
				if late[f.Track] = append(late[f.Track], d); d < -250*time.Millisecond {
					t.Errorf("track %d: frame at %d arrived %v before its time", f.Track, f.PTSTicks, -d)
				}
			}
			for track, list := range late { // one may be late on its way, or be taken late; most are not
				slices.Sort(list)
				if d := list[len(list)/2]; d > 400*time.Millisecond {
					t.Errorf("track %d: half of the frames arrived %v after their time, or later", track, d)
				}
			}
			if s := r.State(); s.Status != api.CameraStateStatusLive || s.LostFrames != 0 || s.Reconnects != 0 || len(s.Tracks) != len(run.Tracks) {
				t.Errorf("state %+v", s)
			}
			// A frame that comes late may be counted a second later: then the next seconds are right.
			r.wait(t, 10*time.Second, "measured as 25 frames/s with a keyframe a second", func(s api.CameraState) bool {
				return s.FramesPerSecond >= 20 && s.FramesPerSecond <= 30 && s.GopMs >= 995 && s.GopMs <= 1005 && s.BitrateBps >= 10_000
			})
		})
	}
}

// checkVideo compares frames with the clip, unit by unit from some keyframe on.
func checkVideo(t *testing.T, cam *cameratest.Camera, o cameratest.CameraOptions, frames []*media.Frame) {
	t.Helper()
	v := o.Video
	at := -1
	for i, u := range v.Units {
		if u.Key && bytes.Contains(frames[0].Payload, u.NALUs[len(u.NALUs)-1]) {
			at = i
		}
	}
	if at < 0 {
		t.Fatal("the first frame is none of the clip's keyframes")
	}
	base := frames[0].PTSTicks
	for i, f := range frames {
		n := at + i
		u := v.Units[n%len(v.Units)]
		pts := u.PTS - v.Units[at].PTS + int64(n/len(v.Units))*v.Duration()
		if d := f.PTSTicks - base - pts; d < -100 || d > 100 {
			t.Errorf("unit %d shown at %d, sent at %d", i, f.PTSTicks-base, pts)
		}
		if f.Keyframe != u.Key {
			t.Errorf("unit %d: keyframe %v, want %v", i, f.Keyframe, u.Key)
		}
		var want [][]byte
		for _, n := range u.NALUs {
			if k, _ := classify(v.Codec, n); !o.NoInBandParams || k != kindSPS && k != kindPPS && k != kindVPS {
				want = append(want, n)
			}
		}
		if got := nalus(t, f.Payload); !equal(got, want) {
			t.Fatalf("unit %d: %d NAL units, want %d, or other bytes", i, len(got), len(want))
		}
	}
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func checkAudio(t *testing.T, a *cameratest.Audio, frames []*media.Frame) {
	t.Helper()
	if len(frames) < 20 {
		t.Fatalf("%d audio frames", len(frames))
	}
	at := -1
	for i, u := range a.Units {
		if bytes.Equal(u, frames[0].Payload) {
			at = i
			break
		}
	}
	if at < 0 {
		t.Fatal("the first audio frame is none of the clip's")
	}
	for i, f := range frames {
		if f.DurationTicks != int64(a.Samples) {
			t.Errorf("audio lasts %d, want %d", f.DurationTicks, a.Samples)
		}
		if i > 0 {
			if d := f.PTSTicks - frames[i-1].PTSTicks - int64(a.Samples); d < -30 || d > 30 {
				t.Errorf("audio frame %d is %d ticks off", i, d)
			}
		}
		if !bytes.Equal(f.Payload, a.Units[(at+i)%len(a.Units)]) {
			t.Fatalf("audio frame %d has other bytes than sent", i)
		}
	}
}

func TestFaultsAreTold(t *testing.T) {
	t.Parallel()
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25})
	good := cameratest.Start(t, cameratest.CameraOptions{Video: video, User: "admin", Password: "right"})
	host := strings.TrimSuffix(strings.TrimPrefix(good.URL, "rtsp://"), cameratest.Path)
	vp9 := cameratest.Start(t, cameratest.CameraOptions{Format: &format.VP9{PayloadTyp: 96}})
	vp8 := cameratest.Start(t, cameratest.CameraOptions{Format: &format.VP8{PayloadTyp: 96}})
	deaf := cameratest.Start(t, cameratest.CameraOptions{Audio: cameratest.EncodeAudio(t, media.PCMU)})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct{ url, code, word string }{
		{"rtsp://admin:wrong@" + host + cameratest.Path, "unauthorized", "password"},
		{"rtsp://" + host + cameratest.Path, "unauthorized", "Enter"},
		{"rtsp://admin:right@" + host + "/nothing", "not_found", "path"},
		{vp9.URL, "bad_codec", "VP9"},
		{vp8.URL, "bad_codec", "VP8"},
		{deaf.URL, "no_video", "video"},
		{"rtsp://" + closed.Addr().String() + "/x", "refused", "port"},
		{"rtsp://" + hangUp(t) + "/x", "closed", "connection"},
		{"rtsp://" + nonsense(t) + "/x", "protocol", "RTSP"},
		{"rtsp://" + redirect(t) + "/x", "redirect", "another"},
	} {
		t.Run(c.code+" "+c.word, func(t *testing.T) {
			t.Parallel()
			a, err := ParseURL(c.url)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Probe(t.Context(), a, api.TransportTCP, "")
			var f *Fault
			if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.Reason, c.word) {
				t.Fatalf("camera test: %v, want %s with %q", err, c.code, c.word)
			}
			r := start(t, c.url, nil)
			s := r.wait(t, 5*time.Second, "offline", offline(c.code))
			if s.Reason != f.Reason || s.RetryMs == 0 {
				t.Errorf("state %+v", s)
			}
			for _, text := range []string{s.Reason, err.Error(), r.log.String()} {
				if strings.Contains(text, "wrong") || strings.Contains(text, "right") {
					t.Errorf("the password is in %q", text)
				}
			}
		})
	}
}

// listen serves each connection with f until the test ends.
func listen(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func hangUp(t *testing.T) string {
	return listen(t, func(c net.Conn) { c.Read(make([]byte, 100)) })
}

func nonsense(t *testing.T) string {
	return listen(t, func(c net.Conn) {
		c.Read(make([]byte, 1000))
		io.WriteString(c, "RTSP/1.0 9999999999 \x00\xff\r\nContent-Length: -5\r\n\r\n")
	})
}

// redirect sends every client to another host.
func redirect(t *testing.T) string {
	return listen(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			cseq := "1"
			for _, line := range strings.Split(string(buf[:n]), "\r\n") {
				if v, ok := strings.CutPrefix(line, "CSeq: "); ok {
					cseq = v
				}
			}
			if strings.HasPrefix(string(buf[:n]), "OPTIONS") {
				io.WriteString(c, "RTSP/1.0 200 OK\r\nCSeq: "+cseq+"\r\nPublic: DESCRIBE\r\n\r\n")
			} else {
				io.WriteString(c, "RTSP/1.0 302 Found\r\nCSeq: "+cseq+"\r\nLocation: rtsp://127.0.0.2:1/secret\r\n\r\n")
			}
		}
	})
}

func TestProbeSaysWhatTheCameraSends(t *testing.T) {
	t.Parallel()
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265, Size: "640x360"}),
		Audio: cameratest.EncodeAudio(t, media.AAC), User: "admin", Password: "pa ss@#"})
	a, err := ParseURL(cam.URL)
	if err != nil {
		t.Fatal(err)
	}
	a.Username, a.Password = "admin", "pa ss@#"
	got, err := Probe(t.Context(), a, api.TransportTCP, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tracks) != 2 || got.Tracks[0] != (api.Track{Kind: api.TrackKindVideo, Codec: "H.265", Width: 640, Height: 360}) ||
		got.Tracks[1] != (api.Track{Kind: api.TrackKindAudio, Codec: "AAC", SampleRateHz: 48000, Channels: 1}) || got.FirstKeyframeMs > 3000 || got.Transport != "tcp" {
		t.Errorf("got %+v", got)
	}
}

func TestReconnectsAfterTheCameraWentAway(t *testing.T) {
	t.Parallel()
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	first := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	address := strings.TrimSuffix(strings.TrimPrefix(first.URL, "rtsp://"), cameratest.Path)
	r := start(t, first.URL, nil)
	before := r.frames(t, videoFrames(5))
	first.Stop()
	s := r.wait(t, 5*time.Second, "offline", func(s api.CameraState) bool { return s.Status == api.CameraStateStatusOffline })
	if s.Code != "ended" && s.Code != "refused" {
		t.Errorf("offline because of %s", s.Code)
	}
	cameratest.Start(t, cameratest.CameraOptions{Video: video, Address: address})
	after := r.frames(t, func(f []*media.Frame) bool { return len(f) > 5 && f[len(f)-1].Run != before[0].Run })
	checkOrder(t, append(before, after...))
	s = r.wait(t, time.Second, "live", func(s api.CameraState) bool { return s.Status == api.CameraStateStatusLive })
	if s.Reconnects != 1 || s.Code != "" || s.Reason != "" {
		t.Errorf("state %+v", s)
	}
	if n := strings.Count(r.log.String(), "offline"); n > 2 {
		t.Errorf("%d lines in the log about one outage", n)
	}
}

func TestStallEndsTheSession(t *testing.T) {
	t.Parallel()
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	r := start(t, cam.URL, func(i *Ingest) { i.limits.stall = 500 * time.Millisecond })
	r.frames(t, videoFrames(5))
	cam.Stall(true)
	r.wait(t, 3*time.Second, "stalled", offline("stalled"))
	cam.Stall(false)
	r.wait(t, 5*time.Second, "live again", func(s api.CameraState) bool { return s.Status == api.CameraStateStatusLive })
}

// A connection through which nothing comes any more, without being closed, as when a camera loses power.
func TestHalfOpenConnectionIsFound(t *testing.T) {
	t.Parallel()
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{}), Audio: cameratest.EncodeAudio(t, media.PCMU)})
	target := strings.TrimSuffix(strings.TrimPrefix(cam.URL, "rtsp://"), cameratest.Path)
	var cut sync.WaitGroup
	cut.Add(1)
	var once sync.Once
	t.Cleanup(func() { once.Do(cut.Done) })
	passed := make(chan struct{}, 1)
	proxy := listen(t, func(c net.Conn) {
		up, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer up.Close()
		go io.Copy(up, c)
		io.CopyN(c, up, 150_000)
		select {
		case passed <- struct{}{}:
		default:
		}
		cut.Wait()
	})
	r := start(t, "rtsp://"+proxy+cameratest.Path, func(i *Ingest) { i.limits.stall = 700 * time.Millisecond })
	<-passed
	r.wait(t, 5*time.Second, "found", offline("stalled"))
	once.Do(cut.Done)
	if d := defaultLimits(); d.stall+d.stall/10 > 10*time.Second {
		t.Errorf("with the default limits it would take %v", d.stall+d.stall/10)
	}
}

func TestChangedParameterSetsBeginARun(t *testing.T) {
	t.Parallel()
	a := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25})
	b := cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 25, Size: "480x272"})
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: a, Audio: cameratest.EncodeAudio(t, media.PCMA), Alter: func(n int, nalus [][]byte) [][]byte {
		if n/25%2 == 1 {
			return b.Units[n%25].NALUs
		}
		return nalus
	}})
	r := start(t, cam.URL, nil)
	got := r.frames(t, videoFrames(60))
	checkOrder(t, got)
	video := ofTrack(got, 0)
	changes := 0
	for i, f := range video[1:] {
		if prev := video[i]; f.Run != prev.Run {
			changes++
			if f.Run.Tracks[0].Width == prev.Run.Tracks[0].Width || f.Run.SameFormat(prev.Run) {
				t.Errorf("a new run of the same format")
			}
			if d := f.TimeNs() - prev.TimeNs(); d < int64(35*time.Millisecond) || d > int64(45*time.Millisecond) {
				t.Errorf("across the change time moves by %v", time.Duration(d))
			}
		}
	}
	if changes < 2 {
		t.Errorf("%d changes of run", changes)
	}
	if s := r.State(); s.LostFrames != 0 {
		t.Errorf("lost %d", s.LostFrames)
	}
}

func TestLossLeavesOutTheRestOfTheGOP(t *testing.T) {
	t.Parallel()
	// Unit 30 loses its second slice, unit 50 (a keyframe) a packet in its middle.
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{Slices: 4, Size: "640x480", GOP: 25})
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: video, Drop: func(n int, p []*rtp.Packet) []*rtp.Packet {
		if n%100 == 30 || n%100 == 50 {
			return append(append([]*rtp.Packet{}, p[:1]...), p[2:]...)
		}
		return p
	}})
	r := start(t, cam.URL, nil)
	got := ofTrack(r.frames(t, videoFrames(90)), 0)
	checkOrder(t, got)
	whole := map[string]int{}
	for i, u := range video.Units {
		whole[string(avcc(video.Codec, u.NALUs))] = i
	}
	last := -1
	for _, f := range got {
		n, ok := whole[string(f.Payload)]
		if !ok {
			t.Fatal("a frame that was not sent like this")
		}
		if last >= 0 && n != (last+1)%50 && !f.Keyframe {
			t.Fatalf("frame %d follows %d", n, last)
		}
		last = n
	}
	if s := r.State(); s.LostFrames < 2+19 {
		t.Errorf("counts %d lost; 2 packets and at least 19 frames", s.LostFrames)
	}
}
