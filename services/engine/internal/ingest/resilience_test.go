package ingest

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/ring"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
)

// blackHole is an address that takes no connection and refuses none: a listener whose queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}).String()
	for range 2 { // these fill it
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			break
		}
		t.Cleanup(func() { conn.Close() })
	}
	if conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond); err == nil {
		conn.Close()
		t.Fatal("the queue is not full")
	}
	return address
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestDeadCamerasCostNothing measures in a process of its own, while others test beside it.
func TestDeadCamerasCostNothing(t *testing.T) {
	const address = "VIGIE_TEST_DEAD_CAMERAS" // environment of that process
	if name, to, ok := strings.Cut(os.Getenv(address), " "); ok {
		deadCamerasCostNothing(t, name, to)
		return
	}
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := closed.Addr().String()
	closed.Close()
	for name, to := range map[string]string{"refused": refused, "swallowed": blackHole(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^TestDeadCamerasCostNothing$")
			cmd.Env = append(os.Environ(), address+"="+name+" "+to)
			out, err := cmd.CombinedOutput()
			if t.Logf("%s", out); err != nil {
				t.Error(err)
			}
		})
	}
}

func deadCamerasCostNothing(t *testing.T, name, address string) {
	const cameras = 200
	var list []*Ingest
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range cameras {
		i := New(Config{Camera: "k3f9x2ab", Stream: "main", URL: "rtsp://" + address + "/x",
			Ring: ring.New(ring.Config{MaxBytes: 1 << 20}), Log: slog.New(slog.DiscardHandler)})
		list = append(list, i)
		running.Go(func() { _ = i.Run(ctx) }) // the context's error
	}
	time.Sleep(4 * time.Second) // the first tries, which follow quickly
	before := cpu(t)
	const measured = 5 * time.Second
	time.Sleep(measured)
	used := cpu(t) - before
	t.Logf("%d cameras: %v of CPU in %v", cameras, used, measured)
	if used > measured/20 { // of one processor, for all of them, while they are still tried every few seconds
		t.Errorf("%d cameras: %v of CPU in %v", cameras, used, measured)
	}
	for _, i := range list[:3] {
		if s := i.State(); name == "refused" && (s.Status != api.CameraStateStatusOffline || s.Code != "refused" || s.RetryMs == 0) {
			t.Errorf("state %+v", s)
		}
	}
	stop()
	running.Wait()
}

// A camera that sends a keyframe a minute, and is joined just after one.
func TestALongGOPIsWaitedForAndNotKilled(t *testing.T) {
	t.Parallel()
	server, cam := simulated(t, rtspcam.Transports{}, func(cfg *rtspcam.Config) {
		cfg.Audio = nil
		cfg.Video = &content.Video{Codec: content.H264, Width: 192, Height: 120, FPS: 10, GOP: 600, Bitrate: 100_000, Label: "CAM 1", Camera: 1}
	})
	r := start(t, server.URL(cam), func(i *Ingest) {
		i.limits.stall, i.limits.patience = time.Second, 500*time.Millisecond
	})
	begun := time.Now()
	s := r.wait(t, 20*time.Second, "waiting, or live", func(s api.CameraState) bool {
		return s.Code == "no_keyframe" || s.Status == api.CameraStateStatusLive
	})
	if s.Status == api.CameraStateStatusLive {
		t.Log("it was joined near its keyframe")
	} else if s.Status != api.CameraStateStatusConnecting || s.Reason == "" {
		t.Errorf("state %+v", s)
	}
	for time.Since(begun) < 5*time.Second { // five times as long as it may be silent
		if s := r.State(); s.Status == api.CameraStateStatusOffline {
			t.Fatalf("given up: %+v", s)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestJudge(t *testing.T) {
	const s = time.Second
	l := defaultLimits()
	for _, c := range []struct {
		name                    string
		way                     api.Transport
		now, packet, other, gap time.Duration
		pictures                int64
		key, came               bool
		want                    error
	}{
		{"all well", "tcp", 100 * s, 99 * s, 0, s / 25, 900, true, true, nil},
		{"a minute into its GOP", "tcp", 60 * s, 60 * s, 0, s / 25, 900, false, true, nil},
		{"five minutes without a keyframe", "tcp", 301 * s, 301 * s, 0, s / 25, 900, false, true, errNoKeyframe},
		{"half-open", "tcp", 100 * s, 91 * s, 91 * s, s / 25, 900, true, true, errStalled},
		{"video stopped, sound goes on", "tcp", 100 * s, 91 * s, 100 * s, s / 25, 900, true, true, errStalled},
		{"a picture in ten seconds", "tcp", 100 * s, 89 * s, 0, 10 * s, 12, true, true, nil},
		{"a picture in ten seconds, none for 21", "tcp", 100 * s, 79 * s, 0, 10 * s, 12, true, true, errStalled},
		{"slow from the start, but there", "tcp", 15 * s, 2 * s, 14 * s, 0, 1, true, true, nil},
		{"there, but never a picture", "tcp", 62 * s, s, 61 * s, 0, 0, false, true, errStalled},
		{"nothing by UDP", "udp", 6 * s, 0, 0, 0, 0, false, false, errNothing},
		{"nothing by multicast yet", "multicast", 4 * s, 0, 0, 0, 0, false, false, nil},
		{"nothing by TCP", "tcp", 9 * s, 0, 0, 0, 0, false, false, errStalled},
	} {
		in := &intake{s: &session{way: way{transport: c.way}, limits: l}}
		in.packet.Store(int64(c.packet))
		in.other.Store(int64(c.other))
		in.gap.Store(int64(c.gap))
		in.pictures.Store(c.pictures)
		in.key.Store(c.key)
		in.s.came.Store(c.came)
		if got := in.judge(c.now, 0); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if found := l.stall + l.stall/10; found > 10*s {
		t.Errorf("a half-open connection is found after %v", found)
	}
}

// A line that is cut, and by UDP a camera that sends no more: the default limits find it within ten seconds.
func TestSilenceIsFoundInTime(t *testing.T) {
	t.Parallel()
	for _, transport := range []api.Transport{api.TransportTCP, api.TransportUDP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			server, cam := simulated(t, rtspcam.Transports{UDP: true}, nil)
			r := start(t, server.URL(cam), func(i *Ingest) { i.ways = waysTo(server.URL(cam), transport) })
			r.frames(t, videoFrames(10))
			if transport == api.TransportTCP {
				cam.Darken()
			} else {
				cam.SetFault(rtspcam.Silent)
			}
			dark := time.Now()
			r.wait(t, 12*time.Second, "found", offline("stalled"))
			if d := time.Since(dark); d > 10*time.Second {
				t.Errorf("found after %v", d)
			} else {
				t.Logf("found after %v", d)
			}
		})
	}
}

// Each keep-alive is refused first, because the nonce is too old.
func TestKeepAlivesAreWhatTheCameraKnows(t *testing.T) {
	t.Parallel()
	server, cam := simulated(t, rtspcam.Transports{UDP: true}, func(cfg *rtspcam.Config) {
		cfg.User, cfg.Pass, cfg.Logins, cfg.NonceUses = "admin", "secret", []string{"digest-sha256"}, 1
	})
	r := start(t, server.URL(cam), func(i *Ingest) {
		i.cfg.Username, i.cfg.Password, i.ways = "admin", "secret", waysTo(server.URL(cam), api.TransportUDP)
		i.limits.keepAlive = 200 * time.Millisecond
	})
	r.frames(t, videoFrames(75))
	if n := cam.KeptAlive(); n < 3 {
		t.Errorf("%d keep-alives in three seconds", n)
	}
}
