package relay

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// folder is an archive of files in one folder.
type folder struct {
	dir      string
	segments []Footage
}

type file struct {
	*os.File
	size int64
}

func (f *file) Size() int64 { return f.size }

func (a *folder) Next(cam, stream string, fromMs int64, limit int) (out []Footage, err error) {
	for _, s := range a.segments {
		if cam == camera && stream == "main" && s.EndMs > fromMs && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *folder) Previous(cam, stream string, atMs int64, limit int) (out []Footage, err error) {
	for _, s := range slices.Backward(a.segments) {
		if cam == camera && stream == "main" && s.StartMs <= atMs && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *folder) Bounds(cam string) (firstMs, lastMs int64, found bool, err error) {
	if cam != camera || len(a.segments) == 0 {
		return 0, 0, false, nil
	}
	return a.segments[0].StartMs, a.segments[len(a.segments)-1].EndMs, true, nil
}

func (a *folder) Open(id string) (File, error) {
	f, err := os.Open(filepath.Join(a.dir, id))
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &file{f, st.Size()}, nil
}

// add writes frames as a closed segment.
func (a *folder) add(t testing.TB, frames []*media.Frame) {
	t.Helper()
	start := frames[0].TimeNs()
	w, err := mkv.NewWriter(frames[0].Run, mkv.Meta{StartNs: start, Kind: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.FormatInt(start/1e6, 10)
	f, err := os.Create(filepath.Join(a.dir, id))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(b []byte, at int64) {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, fr := range frames {
		if err := w.Add(fr); err != nil {
			t.Fatal(err)
		}
	}
	w.EndCluster()
	b := w.Take()
	write(slices.Concat(b.Pieces...), b.Offset)
	for _, p := range w.Close() {
		write(p.Data, p.Offset)
	}
	a.segments = append(a.segments, Footage{ID: id, StartMs: start / 1e6, EndMs: w.EndNs() / 1e6})
}

// recorded is 12 s of recordings at 25 pictures a second, a keyframe each second: two segments that follow one another, then
// an hour of nothing, and a third. With it come the pictures.
func recorded(t *testing.T, codec media.Codec) (*folder, []*media.Frame) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: codec, GOP: 25, Frames: 100})
	a := &folder{dir: t.TempDir()}
	all := cameratest.Frames(epoch, v, nil, 200)
	later := cameratest.Frames(epoch.Add(time.Hour), v, nil, 100)
	a.add(t, all[:100])
	a.add(t, all[100:])
	a.add(t, later)
	return a, append(all, later...)
}

// picture is one access unit as it was played.
type picture struct {
	atNs       int64 // of ONVIF's extension
	flags, seq byte
	timestamp  uint32
	bytes      int
	came       time.Time
}

// pictures reads pictures until n have come, or the sender says goodbye.
func (k *talker) pictures(n int) (list []picture, bye bool) {
	k.t.Helper()
	if err := k.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		k.t.Fatal(err)
	}
	for len(list) < n || n == 0 {
		var head [4]byte
		if _, err := io.ReadFull(k.r, head[:]); err != nil || head[0] != '$' {
			k.t.Fatalf("after %d pictures: %q, %v", len(list), head, err)
		}
		b := make([]byte, binary.BigEndian.Uint16(head[2:]))
		if _, err := io.ReadFull(k.r, b); err != nil {
			k.t.Fatal(err)
		}
		if head[1] == 1 {
			for at := 0; at+4 <= len(b); at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:])) {
				bye = bye || b[at+1] == 203
			}
			if bye {
				return list, true
			}
			continue
		}
		var p rtp.Packet
		if err := p.Unmarshal(b); err != nil {
			k.t.Fatal(err)
		}
		if p.Extension && p.ExtensionProfile == 0xabac {
			e := p.GetExtension(0)
			ntp := binary.BigEndian.Uint64(e)
			ns := int64(ntp>>32-2_208_988_800)*1e9 + int64(ntp&0xffffffff*1e9>>32)
			list = append(list, picture{atNs: ns, flags: e[8], seq: e[9], timestamp: p.Timestamp, came: time.Now()})
		}
		if len(list) > 0 {
			list[len(list)-1].bytes += len(p.Payload)
		}
	}
	return list, false
}

const onvif = "Require: onvif-replay"

// replayed is a talker that has set recordings up.
func (s *served) replayed() (k *talker, url string) {
	s.t.Helper()
	name := fmt.Sprint("archivist", len(s.book.Accounts()))
	_, password := s.account(name, nil)
	k = s.talk(name, password)
	url = "rtsp://" + s.address(testPort) + "/recordings/" + camera + "/main"
	k.want("200", "SETUP", url+"/trackID=0", tcp, onvif)
	return k, url
}

func near(ns int64, t time.Time) bool {
	d := ns - t.UnixNano()
	return d > -int64(20*time.Millisecond) && d < int64(20*time.Millisecond)
}

func TestRecordingsArePlayedFromAnInstantToAnother(t *testing.T) {
	archive, frames := recorded(t, media.H264)
	s := serveAll(t, newCameras(), archive)
	k, url := s.replayed()
	h := k.want("200", "PLAY", url, onvif, "Rate-Control: no", "Range: clock=20260304T050609.500Z-20260304T060609Z")
	if got := h.Get("Range"); !strings.HasPrefix(got, "clock=20260304T050609.500Z-20260304T060609.000Z") {
		t.Errorf("range %q", got)
	}
	got, bye := k.pictures(0)
	// From the keyframe before the instant, over the border of two segments and the hour without any, to the end.
	want := frames[50:250]
	if !bye || len(got) != len(want) {
		t.Fatalf("%d pictures, want %d; goodbye %v", len(got), len(want), bye)
	}
	for i, f := range want {
		p := got[i]
		if p.atNs/1e6 != f.TimeNs()/1e6 && p.atNs/1e6 != f.TimeNs()/1e6-1 && p.atNs/1e6 != f.TimeNs()/1e6+1 {
			t.Fatalf("picture %d is of %d, want %d", i, p.atNs, f.TimeNs())
		}
		if key := p.flags&0x80 != 0; key != f.Keyframe {
			t.Errorf("picture %d: keyframe %v", i, key)
		}
		if last := p.flags&0x40 != 0; last != (i == 149 || i == len(want)-1) {
			t.Errorf("picture %d: last of its piece %v", i, last)
		}
		if jump := p.flags&0x20 != 0; jump != (i == 0 || i == 150) {
			t.Errorf("picture %d: discontinuity %v", i, jump)
		}
		if i > 0 && int32(p.timestamp-got[i-1].timestamp) <= 0 {
			t.Errorf("picture %d: time stamp goes back", i)
		}
	}
}

func TestRecordingsArePlayedAtAnySpeedAndBackwards(t *testing.T) {
	archive, _ := recorded(t, media.H264)
	s := serveAll(t, newCameras(), archive)
	at := func(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }
	for _, c := range []struct {
		scale string
		from  string
		want  []float64 // seconds of the first pictures
		every float64   // ms between pictures as they come
	}{
		{"1", "20260304T050608Z", []float64{1, 1.04, 1.08, 1.12, 1.16, 1.2, 1.24, 1.28, 1.32, 1.36}, 40},
		{"4", "20260304T050608Z", []float64{1, 1.04, 1.08, 1.12, 1.16, 1.2, 1.24, 1.28, 1.32, 1.36}, 10},
		{"0.5", "20260304T050608Z", []float64{1, 1.04, 1.08, 1.12, 1.16, 1.2}, 80},
		{"16", "20260304T050608Z", []float64{1, 2, 3, 4, 5, 6, 7, 3600, 3601}, 50},
		{"-1", "20260304T050612.020Z", []float64{5, 5.04}, 40},
		{"-8", "20260304T050612.020Z", []float64{5, 4, 3, 2, 1, 0}, 125},
	} {
		t.Run(c.scale, func(t *testing.T) {
			k, url := s.replayed()
			asked := time.Now()
			h := k.want("200", "PLAY", url, onvif, "Scale: "+c.scale, "Range: clock="+c.from+"-")
			if got := h.Get("Scale"); got != c.scale {
				t.Errorf("scale %q", got)
			}
			got, _ := k.pictures(len(c.want))
			for i, want := range c.want {
				if !near(got[i].atNs, at(want)) {
					t.Errorf("picture %d is of %v, want %v s", i, time.Unix(0, got[i].atNs).Sub(epoch), want)
				}
			}
			last := len(got) - 1
			if c.scale == "16" {
				last = 6 // before the gap, which is passed over
			}
			// From the question on: when the first picture is taken late, those that follow seem to come fast.
			took, stamped := got[last].came.Sub(asked).Seconds()*1000/float64(last), float64(got[last].timestamp-got[0].timestamp)/90/float64(last)
			if took < 0.9*c.every || stamped < 0.7*c.every || stamped > 1.5*c.every {
				t.Errorf("a picture each %.0f ms, stamped each %.0f ms, want %.0f", took, stamped, c.every)
			}
		})
	}
	// Backwards every GOP comes, forwards in itself, the newest first.
	k, url := s.replayed()
	k.want("200", "PLAY", url, onvif, "Scale: -1", "Rate-Control: no", "Range: clock=20260304T050612.020Z-20260304T050609Z")
	got, bye := k.pictures(0)
	if !bye || len(got) != 1+25+25+25 && len(got) != 25*4 {
		t.Errorf("%d pictures backwards, goodbye %v", len(got), bye)
	}
	for i, p := range got {
		if i > 0 && p.flags&0x80 != 0 && (p.atNs >= got[i-1].atNs || p.flags&0x20 == 0) {
			t.Errorf("keyframe %d: of %v after %v, flags %02x", i, p.atNs, got[i-1].atNs, p.flags)
		}
	}
}

func TestRecordingsPauseGoOnAndMove(t *testing.T) {
	archive, _ := recorded(t, media.H264)
	s := serveAll(t, newCameras(), archive)
	k, url := s.replayed()
	k.want("200", "PLAY", url, onvif, "Range: clock=20260304T050608Z-")
	got, _ := k.pictures(10)
	k.want("200", "PAUSE", url)
	k.want("200", "GET_PARAMETER", url)
	k.want("200", "PLAY", url, onvif)
	on, _ := k.pictures(2)
	if d := on[0].atNs - got[len(got)-1].atNs; d < -int64(1500*time.Millisecond) || d > int64(time.Second) || on[0].flags&0xa0 != 0xa0 {
		t.Errorf("goes on %v after the pause, flags %02x", time.Duration(d), on[0].flags)
	}
	if int32(on[0].timestamp-got[len(got)-1].timestamp) <= 0 {
		t.Error("time stamps go back")
	}
	k.want("200", "PLAY", url, onvif, "Range: clock=20260304T060608Z-")
	for moved, _ := k.pictures(1); ; moved, _ = k.pictures(1) {
		if near(moved[0].atNs, epoch.Add(time.Hour+time.Second)) {
			if moved[0].seq != byte(k.seq) {
				t.Errorf("answers PLAY %d, want %d", moved[0].seq, k.seq)
			}
			break
		}
	}
	for _, c := range []struct{ status, header string }{
		{"457", "Range: clock=20270101T000000Z-"},
		{"457", "Range: clock=20260304T050610Z-20260304T050609Z"},
		{"457", "Range: clock=yesterday-"},
		{"457", "Range: smpte=10:07:00-"},
		{"400", "Scale: fast"},
		{"400", "Scale: 0"},
		{"400", "Scale: 1000"},
		{"400", "Rate-Control: perhaps"},
		{"400", "Frames: some"},
	} {
		k.want(c.status, "PLAY", url, onvif, c.header)
	}
	root := strings.TrimSuffix(url, camera+"/main")
	_, password := s.account("second", nil)
	k2 := s.talk("second", password)
	k2.want("404", "DESCRIBE", root+"aaaaaaaa/main")
	k2.want("404", "DESCRIBE", root+camera+"/sub")
	k2.want("404", "DESCRIBE", url+"?from=yesterday")
	k2.want("461", "SETUP", url+"/trackID=0", "Transport: RTP/AVP;multicast")
}

func TestFfmpegPlaysRecordings(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.H265, media.MPEG4, media.MJPEG} {
		t.Run(string(codec), func(t *testing.T) {
			t.Parallel()
			archive, _ := recorded(t, codec)
			s := serveAll(t, newCameras(), archive)
			_, password := s.account("viewer", nil)
			url := "rtsp://viewer:" + password + "@" + s.address(testPort) + "/recordings/" + camera + "/main"
			if codec == media.H264 {
				url += "?from=20260304T050609Z"
			}
			out, diag, err := run(t, 40*time.Second, "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v", "-frames:v", "60", "-f", "framehash", "-hash", "md5", "-")
			if err != nil || strings.TrimSpace(diag) != "" {
				t.Fatalf("ffmpeg: %v: %s", err, diag)
			}
			if n := strings.Count(out, "\n0,"); n != 60 {
				t.Errorf("%d pictures decoded, want 60", n)
			}
		})
	}
}

// TestFfmpegPlaysRecordingsByEveryWay: what comes is the recording, picture by picture, whichever way it goes.
func TestFfmpegPlaysRecordingsByEveryWay(t *testing.T) {
	archive, _ := recorded(t, media.H264)
	s := serveAll(t, newCameras(), archive)
	_, password := s.account("viewer", nil)
	s.set(func(r *api.RelaySettings) { r.TLS = true })
	const pictures = 60           // from 2 s on, over the border of two segments
	first := make(chan string, 8) // what came by the ways that are done
	for _, way := range []string{"tcp", "udp", "http", "rtsps"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			scheme, port, transport := "rtsp", testPort, way
			if way == "rtsps" {
				scheme, port, transport = "rtsps", testSecurePort, "tcp"
			}
			url := fmt.Sprintf("%s://viewer:%s@%s/recordings/%s/main?from=20260304T050609Z", scheme, password, s.address(port), camera)
			out, diag, err := run(t, 40*time.Second, "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-map", "0:v", "-frames:v", strconv.Itoa(pictures), "-f", "framehash", "-hash", "md5", "-")
			if err != nil || strings.TrimSpace(diag) != "" {
				t.Fatalf("ffmpeg: %v: %s", err, diag)
			}
			if n := strings.Count(out, "\n0,"); n != pictures {
				t.Errorf("%d pictures decoded, want %d", n, pictures)
			}
			var hashes strings.Builder
			for line := range strings.Lines(out) {
				if f := strings.Split(line, ","); len(f) == 6 && f[0] == "0" {
					hashes.WriteString(f[5])
				}
			}
			first <- hashes.String()
			other := <-first
			first <- other
			if other != hashes.String() {
				t.Error("other pictures come than by another way")
			}
		})
	}
}
