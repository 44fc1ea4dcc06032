package clock

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/chronytest"
)

// chronyd serves the machine's own time on a free port of the loopback, without touching the clock.
func chronyd(t *testing.T, addresses ...string) (port int) {
	t.Helper()
	free, err := net.ListenPacket("udp4", addresses[0]+":0")
	if err != nil {
		t.Fatal(err)
	}
	port = free.LocalAddr().(*net.UDPAddr).Port
	free.Close()
	for _, a := range addresses {
		chronytest.Start(t, fmt.Sprintf("port %d\nbindaddress %s\nallow 127.0.0.0/8\nlocal stratum 3", port, a))
	}
	for _, a := range addresses {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, err := NTP(port, time.Now)(t.Context(), a, 1); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("chronyd on %s: %v", a, err)
			}
		}
	}
	return port
}

func TestARealServerSetsTheClockRight(t *testing.T) {
	port := chronyd(t, "127.0.0.1", "127.0.0.2")
	h := &hands{off: -30 * 24 * time.Hour}
	q := NTP(port, h.Now)
	r := newRig(t, h, q)
	r.Offer([]string{"127.0.0.1", "127.0.0.2", "127.0.0.9"})
	if r.round(t.Context()); r.now.Status != api.ClockStatusSynchronised {
		t.Fatalf("not synchronised: %+v", r.now)
	}
	if len(h.steps) != 1 || h.off.Abs() > 50*time.Millisecond {
		t.Errorf("off by %v after %v", h.off, h.steps)
	}
	s, err := q(t.Context(), "127.0.0.1", 4)
	if err != nil || s.Stratum != 3 || s.Server != "127.0.0.1" || s.Distance() <= 0 || s.Offset.Abs() > 50*time.Millisecond {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	for name, answer := range map[string]func(question []byte) []byte{
		"noise":          func([]byte) []byte { return []byte("hello") },
		"echo":           func(q []byte) []byte { return q },
		"unsynchronised": func(q []byte) []byte { return reply(q, 3, 16) },
		"this machine's": func(q []byte) []byte {
			return append(append(reply(q, 0, 3)[:12], 127, 0, 0, 1), reply(q, 0, 3)[16:]...)
		},
		"kiss of death": func(q []byte) []byte {
			return append(reply(q, 3, 0)[:12], append([]byte("RATE"), reply(q, 3, 0)[16:]...)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go serve(conn, answer)
			q := NTP(conn.LocalAddr().(*net.UDPAddr).Port, time.Now)
			s, err := q(t.Context(), "127.0.0.1", 1)
			if err == nil {
				t.Fatalf("believed %+v", s)
			}
			if name == "kiss of death" && !strings.Contains(err.Error(), "RATE") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// reply is a server's answer (RFC 5905, 7.3) that repeats the question's transmit time as origin.
func reply(question []byte, leap, stratum byte) []byte {
	b := make([]byte, 48)
	b[0], b[1] = leap<<6|4<<3|4, stratum
	copy(b[24:32], question[40:48])
	copy(b[32:40], question[40:48])
	copy(b[40:48], question[40:48])
	return b
}

func TestAQueryEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	if _, err := NTP(silent.LocalAddr().(*net.UDPAddr).Port, time.Now)(ctx, "127.0.0.1", 4); err == nil || time.Since(began) > queryTimeout/2 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// TestTheClockComesToAgreeWithChrony has the clock of a machine whose rate is 60 ppm wrong follow two servers of chrony's
// beside one that lies: five minutes go by on the simulated clock, each question and answer is real.
func TestTheClockComesToAgreeWithChrony(t *testing.T) {
	port := chronyd(t, "127.0.0.1", "127.0.0.2")
	conn, err := net.ListenPacket("udp4", net.JoinHostPort("127.0.0.3", fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go serve(conn, func(q []byte) []byte { return telling(reply(q, 0, 1), time.Now().Add(3*time.Second)) })

	h := &hands{off: -72 * time.Hour, wrong: 60e-6}
	r := newRig(t, h, NTP(port, h.Now))
	r.Configure(Settings{Servers: []string{"127.0.0.3", "127.0.0.1", "127.0.0.2"}})
	var passed time.Duration
	var longest time.Duration
	for passed < 5*time.Minute {
		pause := r.round(t.Context())
		h.pass(pause)
		passed += pause
		longest = max(longest, pause)
		if r.now.Server == "127.0.0.3" || r.now.Status != api.ClockStatusSynchronised {
			t.Fatalf("after %v: %+v", passed, r.now)
		}
	}
	t.Logf("after %v: off by %v, rate wrong by %.1f ppm, pauses up to %v", passed, h.off, (h.wrong+h.learnt)*1e6, longest)
	if h.off.Abs() > 2*time.Millisecond {
		t.Errorf("off by %v", h.off)
	}
	if len(h.steps) != 1 || r.now.Sources[0].Status != api.ClockSourceStatusFalse || !strings.Contains(r.now.Reason, "127.0.0.3") {
		t.Errorf("steps %v, %+v", h.steps, r.now)
	}
	for passed < 24*time.Hour {
		pause := r.round(t.Context())
		h.pass(pause)
		passed += pause
		longest = max(longest, pause)
	}
	t.Logf("after %v: off by %v, rate wrong by %.3f ppm, pauses up to %v", passed, h.off, (h.wrong+h.learnt)*1e6, longest)
	if h.off.Abs() > 2*time.Millisecond || longest < 512*time.Second || len(h.steps) != 1 {
		t.Errorf("after a day: off by %v, pauses up to %v, steps %v", h.off, longest, h.steps)
	}
}

// telling is a reply that tells a time.
func telling(b []byte, t time.Time) []byte {
	stamp := uint64(t.Unix()+2_208_988_800)<<32 | uint64(t.Nanosecond())<<32/1e9
	for _, at := range []int{16, 32, 40} {
		binary.BigEndian.PutUint64(b[at:], stamp)
	}
	return b
}

// serve answers questions until the connection is closed.
func serve(conn net.PacketConn, answer func(question []byte) []byte) {
	b := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(answer(b[:n:n]), from)
	}
}
