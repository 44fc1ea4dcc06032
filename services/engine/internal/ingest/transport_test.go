package ingest

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
)

// films is what simulated cameras send, loaded once for all tests.
var films = sync.OnceValues(func() (*content.Store, error) { return content.NewStore("") })

// simulated starts a camera that keeps a ledger.
func simulated(t *testing.T, transports rtspcam.Transports, change func(*rtspcam.Config)) (*rtspcam.Server, *rtspcam.Camera) {
	t.Helper()
	store, err := films()
	if err != nil {
		t.Fatal(err)
	}
	cfg := rtspcam.Config{
		ID:    "cam1",
		Video: &content.Video{Codec: content.H264, Width: 320, Height: 200, FPS: 25, GOP: 25, Bitrate: 1_500_000, Label: "CAM 1", Camera: 1},
		Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Transports = transports
	if err := s.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, s.Camera("cam1")
}

func certificate(t *testing.T) rtspcam.Transports {
	t.Helper()
	c, err := rtspcam.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	return rtspcam.Transports{TLS: c}
}

// everyFrameOnce holds frames to the ledger of the camera that sent them.
func everyFrameOnce(t *testing.T, cam *rtspcam.Camera, frames []*media.Frame) {
	t.Helper()
	var stamps []stamp.Stamp
	for _, f := range ofTrack(frames, 0) {
		for _, n := range nalus(t, f.Payload) {
			if s, err := stamp.Parse(stamp.H264, n); err == nil {
				stamps = append(stamps, s)
			}
		}
	}
	if len(stamps) != len(ofTrack(frames, 0)) {
		t.Errorf("%d stamps in %d frames", len(stamps), len(frames))
	}
	if err := ledger.Compare(cam.Sent(), stamps).Err(); err != nil {
		t.Error(err)
	}
}

func TestEveryTransportBringsEveryFrameOnce(t *testing.T) {
	t.Parallel()
	secure := certificate(t)
	srtp := secure
	srtp.SRTP, srtp.UDP = true, true
	for _, c := range []struct {
		name, want string
		transport  api.Transport
		server     rtspcam.Transports
	}{
		{"tcp", "tcp", api.TransportTCP, rtspcam.Transports{}},
		{"udp", "udp", api.TransportUDP, rtspcam.Transports{UDP: true}},
		{"http", "http", api.TransportHTTP, rtspcam.Transports{}},
		{"auto", "tcp", api.TransportAuto, rtspcam.Transports{UDP: true}},
		{"tls tcp", "tls tcp", api.TransportTCP, secure},
		{"tls http", "tls http", api.TransportHTTP, secure},
		{"tls udp with SRTP", "tls udp", api.TransportUDP, srtp},
		{"tls tcp with SRTP", "tls tcp", api.TransportAuto, srtp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, cam := simulated(t, c.server, func(cfg *rtspcam.Config) {
				cfg.User, cfg.Pass, cfg.Logins = "admin", "pa:ss\"", []string{"digest-sha256"}
			})
			r := start(t, server.URL(cam), func(i *Ingest) {
				i.cfg.Username, i.cfg.Password, i.ways = "admin", "pa:ss\"", waysTo(server.URL(cam), c.transport)
			})
			got := r.frames(t, videoFrames(60))
			checkOrder(t, got)
			everyFrameOnce(t, cam, got)
			if len(ofTrack(got, 1)) < 40 {
				t.Errorf("%d frames of sound", len(ofTrack(got, 1)))
			}
			if s := r.Stream(); s.Transport != c.want || s.LostFrames != 0 || s.Status != api.StreamStateStatusLive {
				t.Errorf("state %+v", s)
			}
			a, err := ParseURL(server.URL(cam))
			if err != nil {
				t.Fatal(err)
			}
			a.Username, a.Password = "admin", "pa:ss\""
			test, err := Probe(t.Context(), a, c.transport, "")
			if err != nil || test.Transport != c.want || len(test.Tracks) != 2 || (test.Certificate != "") != strings.HasPrefix(c.want, "tls") {
				t.Errorf("camera test: %+v, %v", test, err)
			}
		})
	}
}

func TestLoginsOfAllKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		logins    string
		nonceUses int
	}{
		{"basic", 0}, {"digest-md5", 0}, {"digest-sha256", 0}, {"digest-md5+digest-sha256", 0}, {"digest-sha256+digest-md5+basic", 0},
		{"digest-md5", 1}, {"digest-sha256", 1}, // every request is refused once, as stale
	} {
		for _, transport := range []api.Transport{api.TransportTCP, api.TransportUDP, api.TransportHTTP} {
			t.Run(c.logins+" "+string(transport), func(t *testing.T) {
				t.Parallel()
				server, cam := simulated(t, rtspcam.Transports{UDP: true}, func(cfg *rtspcam.Config) {
					cfg.User, cfg.Pass, cfg.Logins, cfg.NonceUses = "admin", "secret", strings.Split(c.logins, "+"), c.nonceUses
				})
				a := Address{URL: server.URL(cam), Username: "admin", Password: "secret"}
				if f := settled(t, a, transport); f != nil {
					t.Error(f)
				}
				a.Password = "wrong"
				if f := settled(t, a, transport); f == nil || f.Code != "unauthorized" {
					t.Errorf("wrong password: %v", f)
				}
			})
		}
	}
}

// settled tests a camera. The library behind simulated cameras answers the GET of a tunnel before it is ready for the POST
// that follows, so that on a busy machine a tunnel may break: it is tried again, as an Ingest does.
func settled(t *testing.T, a Address, transport api.Transport) *Fault {
	t.Helper()
	for tries := 0; ; tries++ {
		_, err := Probe(t.Context(), a, transport, "")
		var f *Fault
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &f):
			t.Fatal(err)
		case transport != api.TransportHTTP || tries == 3 || f.Code != "closed" && f.Code != "timeout":
			return f
		}
	}
}

func TestTheFirstCertificateIsTrustedAndNoOther(t *testing.T) {
	t.Parallel()
	first, second := certificate(t), certificate(t)
	server, cam := simulated(t, first, nil)
	trusted := make(chan string, 1)
	r := start(t, server.URL(cam), func(i *Ingest) { i.cfg.Trusted = func(key string) { trusted <- key } })
	r.frames(t, videoFrames(5))
	key := <-trusted
	if !ValidKey(key) {
		t.Fatalf("key %q", key)
	}

	// Another certificate at the same address.
	other, otherCam := simulated(t, second, nil)
	probe := func(pin string) (api.CameraTest, *Fault) {
		got, err := Probe(t.Context(), Address{URL: other.URL(otherCam)}, api.TransportAuto, pin)
		var f *Fault
		if err != nil && !errors.As(err, &f) {
			t.Fatal(err)
		}
		return got, f
	}
	_, f := probe(key)
	if f == nil || f.Code != "certificate_changed" || !ValidKey(f.Key) || f.Key == key {
		t.Fatalf("another certificate: %+v", f)
	}
	refused := start(t, other.URL(otherCam), func(i *Ingest) { i.trust.pin = key })
	s := refused.wait(t, 5*time.Second, "refused", offline("certificate_changed"))
	if got := refused.Stream(); got.Certificate != f.Key || s.Reason == "" {
		t.Errorf("state %+v", got)
	}
	if got, f2 := probe(f.Key); f2 != nil || got.Certificate != f.Key {
		t.Errorf("accepted: %+v, %+v", got, f2)
	}
}

func TestAutomaticChoiceFindsWhatWorks(t *testing.T) {
	t.Parallel()
	// A camera that refuses TCP: a proxy in front of it lets no SETUP for interleaved packets through.
	server, cam := simulated(t, rtspcam.Transports{UDP: true}, nil)
	address := relay(t, server.Addr().String(), func(request string) bool { return strings.Contains(request, "interleaved") })
	u := "rtsp://" + address + "/cam1"
	r := start(t, u, nil)
	got := r.frames(t, videoFrames(40))
	everyFrameOnce(t, cam, got)
	if s := r.Stream(); s.Transport != "udp" {
		t.Errorf("state %+v", s)
	}
}

// relay passes RTSP on to a camera and answers 461 to those requests that refuse says. It speaks for one client after the
// other.
func relay(t *testing.T, target string, refuse func(string) bool) string {
	return listen(t, func(c net.Conn) {
		up, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer up.Close()
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := up.Read(buf)
				if err != nil {
					return
				}
				if _, err := c.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			text := string(buf[:n])
			if refuse(text) {
				_, rest, _ := strings.Cut(text, "CSeq: ")
				seq, _, _ := strings.Cut(rest, "\r\n")
				_, err = c.Write([]byte("RTSP/1.0 461 Unsupported Transport\r\nCSeq: " + seq + "\r\n\r\n"))
			} else {
				_, err = up.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	})
}

func TestWaysAreTriedInOrderAndWhatWorkedIsRemembered(t *testing.T) {
	fault := func(code string) outcome { return outcome{err: &Fault{Code: code}} }
	worked := outcome{err: &Fault{Code: "ended"}, came: true, frames: true}
	type step struct {
		answers map[string]outcome
		tried   string
		code    string
	}
	w := waysTo("rtsp://cam/x", api.TransportAuto)
	for n, s := range []step{
		{map[string]outcome{"tcp": fault("transport"), "udp": fault("transport"), "http:80": fault("no_tunnel"), "http:": worked}, "tcp udp http:80 http:", "ended"},
		{map[string]outcome{"http:": fault("refused")}, "http:", "refused"},
		{map[string]outcome{"http:": worked}, "http:", "ended"},
		{map[string]outcome{"http:": fault("timeout")}, "http:", "timeout"},
		{map[string]outcome{"http:": fault("timeout")}, "http:", "timeout"},
		{map[string]outcome{"http:": fault("timeout")}, "http:", "timeout"},
		{map[string]outcome{"tcp": worked}, "tcp", "ended"},
		{map[string]outcome{"tcp": fault("unauthorized")}, "tcp", "unauthorized"},
		{map[string]outcome{"tcp": fault("refused")}, "tcp", "refused"},
		{map[string]outcome{"tcp": fault("refused")}, "tcp", "refused"},
		{map[string]outcome{"tcp": fault("refused"), "http:80": fault("no_tunnel"), "http:": fault("refused")}, "tcp http:80 http:", "refused"},
		{map[string]outcome{"tcp": fault("unauthorized")}, "tcp", "unauthorized"},
		{map[string]outcome{"tcp": fault("bad_codec")}, "tcp", "bad_codec"},
		{map[string]outcome{"tcp": fault("transport"), "udp": fault("stalled"), "http:80": fault("timeout"), "http:": fault("no_tunnel")}, "tcp udp http:80 http:", "transport"},
	} {
		var tried []string
		err := w.round(t.Context(), func(w way) outcome {
			name := string(w.transport)
			if w.transport == api.TransportHTTP {
				name += ":" + w.port
			}
			tried = append(tried, name)
			return s.answers[name]
		})
		var f *Fault
		if got := strings.Join(tried, " "); got != s.tried || !errors.As(err, &f) || f.Code != s.code {
			t.Errorf("round %d: tried %q: %v; want %q: %s", n, got, err, s.tried, s.code)
		}
	}
	for raw, want := range map[string]int{"rtsp://cam/x": 2, "rtsp://cam:554/x": 2, "rtsps://cam:322/x": 2, "rtsp://cam:8080/x": 1, "rtsps://cam:443/x": 1} {
		if _, err := url.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if got := waysTo(raw, api.TransportHTTP).all; len(got) != want {
			t.Errorf("%s: tunnels %v", raw, got)
		}
	}
}
