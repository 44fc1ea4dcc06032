package clock

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/console"
)

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

func TestChooseBelievesTheMajority(t *testing.T) {
	s := func(name string, offset, distance float64) Sample {
		return Sample{Server: name, Offset: ms(offset), Distance: ms(distance)}
	}
	for _, c := range []struct {
		name     string
		samples  []Sample
		followed string
		want     string
		false_   []string
		doubt    string
		err      error
	}{
		{"nobody", nil, "", "", nil, "", errNoAnswer},
		{"one", []Sample{s("a", 9000, 20)}, "", "a", nil, "", nil},
		{"the nearest", []Sample{s("a", 10, 30), s("b", 12, 8), s("c", 9, 50)}, "", "b", nil, "", nil},
		{"loyal to one nearly as good", []Sample{s("a", 10, 10), s("b", 12, 8)}, "a", "a", nil, "", nil},
		{"but not to a bad one", []Sample{s("a", 10, 90), s("b", 12, 8)}, "a", "b", nil, "", nil},
		{"a false ticker", []Sample{s("liar", 60000, 1), s("b", 12, 8), s("c", 9, 50)}, "liar", "b", []string{"liar"}, "Not believed", nil},
		{"two that disagree", []Sample{s("a", 0, 10), s("b", 5000, 1)}, "b", "a", nil, "disagree by 5s", nil},
		{"three that disagree", []Sample{s("a", 0, 10), s("b", 5000, 1), s("c", -5000, 1)}, "", "", nil, "", errDisagrees},
		{"two against two", []Sample{s("a", 0, 10), s("b", 0, 10), s("c", 5000, 1), s("d", 5000, 1)}, "", "", nil, "", errDisagrees},
		{"exact servers a little apart", []Sample{s("a", 1, 0), s("b", 3, 0), s("c", 2, 0)}, "", "a", nil, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Choose(c.samples, c.followed)
			if !errors.Is(err, c.err) || got.Server != c.want || !slices.Equal(got.False, c.false_) || (c.doubt == "") != (got.Doubt == "") || !strings.Contains(got.Doubt, c.doubt) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		first          bool
		offset, before float64
		want           action
	}{
		{true, 1e9, 0, step}, {true, -6, 0, step}, {true, 4, 0, slew},
		{false, 499, 0, slew}, {false, -499, 9000, slew}, {false, 600, 0, askAgain}, {false, 600, 590, step},
		{false, -600, 600, askAgain}, {false, 9000, 600, askAgain}, {false, -9000, -9100, step},
	} {
		if got := decide(c.first, ms(c.offset), ms(c.before)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPollIntervalFollowsTheOffset(t *testing.T) {
	for _, c := range []struct {
		poll   time.Duration
		offset float64
		want   time.Duration
		tc     int64
	}{
		{16 * time.Second, 1, 32 * time.Second, 1}, {512 * time.Second, -4, 1024 * time.Second, 6}, {1024 * time.Second, 0, 1024 * time.Second, 6},
		{256 * time.Second, 20, 256 * time.Second, 4}, {256 * time.Second, -51, 16 * time.Second, 0},
	} {
		if got := nextPoll(c.poll, ms(c.offset)); got != c.want || timeConstant(got) != c.tc {
			t.Errorf("%v at %v ms: %v, %d", c.poll, c.offset, got, timeConstant(got))
		}
	}
}

// hands is a clock that only the test reads.
type hands struct {
	off    time.Duration // from real time
	synced bool
	steps  []time.Duration
	slews  []time.Duration
	rtc    int
}

func (h *hands) Now() time.Time     { return time.Now().Add(h.off) }
func (h *hands) Synchronised() bool { return h.synced }
func (h *hands) Step(d time.Duration) error {
	h.off += d
	h.steps = append(h.steps, d)
	return nil
}
func (h *hands) Slew(o, _, _ time.Duration) error { h.slews = append(h.slews, o); return nil }
func (h *hands) SetRTC() error                    { h.rtc++; return nil }

type rig struct {
	*Keeper
	h    *hands
	now  api.Clock
	said strings.Builder
}

func newRig(t *testing.T, h *hands, q Query, change ...func(*Config)) *rig {
	r := &rig{h: h}
	cfg := Config{Clock: h, Query: q, Publish: func(c api.Clock) { r.now = c }, Console: console.New(&r.said), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range change {
		c(&cfg)
	}
	r.Keeper = New(cfg)
	r.Keeper.state.Status, r.Keeper.synced = api.ClockStatusWaiting, h.synced
	return r
}

// says is a Query whose servers are off real time by what their names' entries tell.
func says(h *hands, off map[string]time.Duration) Query {
	return func(_ context.Context, server string, _ int) (Sample, error) {
		o, ok := off[server]
		if !ok {
			return Sample{}, errors.New("silent")
		}
		return Sample{Server: server, Offset: o - h.off, Distance: ms(10)}, nil
	}
}

func TestTheFirstSynchronisationStepsAndLaterOnesSlew(t *testing.T) {
	h := &hands{off: -72 * time.Hour}
	truth := map[string]time.Duration{"a": 0}
	r := newRig(t, h, says(h, truth))
	r.Offer([]string{"a"})
	if pause := r.round(t.Context()); pause != minPoll || len(h.steps) != 1 || h.steps[0] != 72*time.Hour || h.rtc != 1 {
		t.Fatalf("pause %v, %+v", pause, h)
	}
	if r.now.Status != api.ClockStatusSynchronised || r.now.Server != "a" || r.now.LastSyncMs == 0 || !strings.Contains(r.said.String(), "(it was 72h0m0s behind) by a") {
		t.Errorf("got %+v, said %q", r.now, r.said.String())
	}
	truth["a"] = ms(3)
	if pause := r.round(t.Context()); pause != 2*minPoll || len(h.steps) != 1 || h.slews[len(h.slews)-1] != ms(3) || r.now.OffsetMs != 3 {
		t.Errorf("pause %v, %+v, %+v", pause, h, r.now)
	}
	truth["a"] = 2 * time.Second
	if pause := r.round(t.Context()); pause != firstRetry || len(h.steps) != 1 {
		t.Errorf("one odd answer was believed: pause %v, %+v", pause, h)
	}
	if r.round(t.Context()); len(h.steps) != 2 {
		t.Errorf("a lasting offset was not: %+v", h)
	}
}

func TestServersAreConfiguredElseBootOptionElseDHCP(t *testing.T) {
	h := &hands{}
	r := newRig(t, h, says(h, map[string]time.Duration{"dhcp": 0, "boot": 0, "mine": 0}), func(c *Config) { c.Boot = []string{"boot"} })
	r.Offer([]string{"dhcp"})
	r.round(t.Context())
	if r.now.Server != "boot" {
		t.Errorf("got %+v", r.now)
	}
	r.Configure([]string{"mine"})
	r.round(t.Context())
	if r.now.Server != "mine" || !slices.Equal(r.now.ConfiguredServers, []string{"mine"}) {
		t.Errorf("got %+v", r.now)
	}
	r.cfg.Boot = nil
	r.Configure(nil)
	r.round(t.Context())
	if r.now.Server != "dhcp" || len(r.now.ConfiguredServers) != 0 {
		t.Errorf("got %+v", r.now)
	}
	r.Offer(nil)
	if pause := r.round(t.Context()); r.now.Status != api.ClockStatusNoServer || r.now.Reason == "" || pause < time.Minute {
		t.Errorf("got %+v", r.now)
	}
}

func TestSilentServersAreAskedLessAndLess(t *testing.T) {
	h := &hands{}
	r := newRig(t, h, says(h, nil))
	r.Offer([]string{"a"})
	var pauses []time.Duration
	for range 8 {
		pauses = append(pauses, r.round(t.Context()))
	}
	if pauses[0] != firstRetry || pauses[1] != 2*firstRetry || pauses[7] != mostRetry {
		t.Errorf("pauses %v", pauses)
	}
	if r.now.Status != api.ClockStatusUnreachable || !strings.Contains(r.now.Reason, "a: silent") || strings.Count(r.said.String(), "\n") != 1 {
		t.Errorf("got %+v, said %q", r.now, r.said.String())
	}
}

func TestTheClockIsNeverBeforeWhatIsKnownToBePast(t *testing.T) {
	built := time.Now().Add(-100 * time.Hour)
	h := &hands{off: -20 * 365 * 24 * time.Hour}
	servers := map[string]time.Duration{"old": -200 * time.Hour, "recordings": -60 * time.Hour}
	r := newRig(t, h, says(h, servers), func(c *Config) { c.Built = built })
	r.round(t.Context())
	if d := h.Now().Sub(built); d.Abs() > time.Second || !strings.Contains(r.said.String(), "lifted") {
		t.Fatalf("off the build time by %v, said %q", d, r.said.String())
	}
	r.Past(built.Add(50 * time.Hour))
	r.Past(built.Add(20 * 365 * 24 * time.Hour)) // made by a clock gone mad
	r.round(t.Context())
	if d := h.Now().Sub(built.Add(50 * time.Hour)); d.Abs() > time.Second {
		t.Fatalf("off the newest recording by %v", d)
	}
	r.Offer([]string{"old"})
	r.round(t.Context())
	if r.now.Status != api.ClockStatusUnreachable || !strings.Contains(r.now.Reason, "before this version") {
		t.Errorf("a time before the build was believed: %+v", r.now)
	}
	r.Offer([]string{"recordings"})
	r.round(t.Context())
	if d := h.off + 60*time.Hour; d.Abs() > time.Second || r.now.Status != api.ClockStatusSynchronised {
		t.Errorf("a server is not believed because of a recording: off by %v, %+v", d, r.now)
	}
}

func TestARestartedServiceDoesNotStep(t *testing.T) {
	h := &hands{off: ms(20), synced: true}
	r := newRig(t, h, says(h, map[string]time.Duration{"a": 0}))
	r.Offer([]string{"a"})
	r.round(t.Context())
	if len(h.steps) != 0 || len(h.slews) != 1 || h.slews[0] != -ms(20) {
		t.Errorf("got %+v", h)
	}
}

func TestObserveTouchesNothing(t *testing.T) {
	h := &hands{off: -time.Hour}
	r := newRig(t, h, func(context.Context, string, int) (Sample, error) { t.Error("asked"); return Sample{}, nil },
		func(c *Config) { c.Observe, c.Built = true, time.Now() })
	r.Offer([]string{"a"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Run(ctx); err != nil || r.now.Status != api.ClockStatusObserve || len(h.steps)+len(h.slews)+h.rtc != 0 {
		t.Errorf("%v, %+v, %+v", err, r.now, h)
	}
}
