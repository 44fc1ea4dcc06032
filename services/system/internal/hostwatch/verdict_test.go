package hostwatch

import (
	"strings"
	"testing"
	"time"
)

// probes makes requests of a text: a digit is an answer after as many times 10 ms, x is none.
func probes(text string) []probe {
	var out []probe
	for _, c := range text {
		if c == 'x' {
			out = append(out, probe{lost: "no answer"})
		} else {
			out = append(out, probe{rtt: time.Duration(c-'0') * 10 * time.Millisecond})
		}
	}
	return out
}

func TestJudge(t *testing.T) {
	usual := limits{lossPercent: 20, latency: 50 * time.Millisecond}
	for _, c := range []struct {
		name   string
		was    State
		recent string
		l      limits
		want   State
		reason string
	}{
		{"all well", Waiting, "111", usual, Up, ""},
		{"one lost of a few is no loss", Up, "111x", usual, Up, ""},
		{"two lost in a row are not down", Up, "11111111xx", limits{30, 0}, Up, ""},
		{"three in a row are", Up, "1111xxx", usual, Down, "No answer."},
		{"down stays down while nothing comes", Down, "1xxxxx", usual, Down, "No answer."},
		{"the first answer ends it", Down, "xxxxx1", usual, Up, ""},
		{"one lost again, no longer three: still down", Down, "xxx1x", usual, Down, ""},
		{"loss", Up, "11x1111x11", usual, Lossy, "20 % of the last 10 requests were not answered."},
		{"a little less keeps it so", Lossy, "11x11111111111111x11", usual, Lossy, "10 %"},
		{"half as much does not", Lossy, "11111111111111111x11", usual, Up, ""},
		{"any loss at all", Up, "11111111111111111x11", limits{1, 0}, Lossy, "5 %"},
		{"slow", Up, "555", usual, Slow, "Its answers take 50 ms."},
		{"one slow answer is an accident", Up, "119", usual, Up, ""},
		{"no time chosen", Up, "999", limits{20, 0}, Up, ""},
		{"hardly faster stays slow", Slow, "444", usual, Slow, "40 ms"},
		{"clearly faster does not", Slow, "333", usual, Up, ""},
		{"loss comes before slowness", Up, "99x9999x99", usual, Lossy, ""},
	} {
		got, reason := judge(c.was, probes(c.recent), c.l)
		if got != c.want || !strings.Contains(reason, c.reason) || got == Up && reason != "" {
			t.Errorf("%s: %s, %q", c.name, got, reason)
		}
	}
}

func TestHistoryKeepsADayByTheMinute(t *testing.T) {
	var h history
	start := time.Date(2026, 3, 29, 0, 59, 30, 0, time.UTC)
	for n := range 3 * 24 * 60 {
		for k, one := range probes("13x") {
			h = h.add(start.Add(time.Duration(n)*time.Minute+time.Duration(k)*9*time.Second), one)
		}
	}
	if len(h) != points {
		t.Fatalf("%d points", len(h))
	}
	want := Point{AtMs: h[0].AtMs, Sent: 3, Lost: 1, LeastMs: 10, MeanMs: 20, MostMs: 30}
	if h[0] != want {
		t.Errorf("got %+v, want %+v", h[0], want)
	}
	if span := h[len(h)-1].AtMs - h[0].AtMs; span != int64(points-1)*Step.Milliseconds() {
		t.Errorf("they span %d ms", span)
	}
	// The clock is set back an hour: nothing is lost, and time does not go back.
	h = h.add(start.Add(3*24*time.Hour-2*time.Hour), probes("1")[0])
	if last := h[len(h)-1]; len(h) != points || last.Sent != 4 {
		t.Errorf("after a clock step: %d points, the last %+v", len(h), last)
	}
}
