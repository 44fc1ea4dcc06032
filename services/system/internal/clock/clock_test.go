package clock

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/console"
)

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

func TestChooseBelievesTheMajority(t *testing.T) {
	s := func(name string, offset, distance float64) Sample {
		return Sample{Server: name, Offset: ms(offset), RootDispersion: ms(distance)}
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

func TestChooseFollowsNoStaleAnswerWhereThereIsAFreshOne(t *testing.T) {
	old := Sample{Server: "old", Delay: ms(1), Stale: true}
	liar := Sample{Server: "liar", Offset: time.Minute, Delay: ms(1)}
	fresh := Sample{Server: "fresh", Delay: ms(30)}
	if c, err := Choose([]Sample{liar, old, fresh}, "old"); err != nil || c.Server != "fresh" || !slices.Equal(c.False, []string{"liar"}) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := Choose([]Sample{old, liar}, "old"); err != nil || c.Server != "old" || !c.Stale {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		first  bool
		offset float64
		want   action
	}{
		{true, 1e9, step}, {true, -6, step}, {true, 4, slew}, {false, 499, slew}, {false, -499, slew}, {false, 600, step}, {false, -9000, step},
	} {
		if got := decide(c.first, ms(c.offset)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPollIntervalFollowsTheOffset(t *testing.T) {
	for _, c := range []struct {
		poll           time.Duration
		offset, jitter float64
		want           time.Duration
	}{
		{16 * time.Second, 0.4, 0, 32 * time.Second}, {512 * time.Second, -0.4, 0, 1024 * time.Second}, {1024 * time.Second, 0, 0, 1024 * time.Second},
		{256 * time.Second, 0.8, 0, 256 * time.Second}, {256 * time.Second, 3, 0, 128 * time.Second}, {16 * time.Second, -3, 0, 16 * time.Second},
		{256 * time.Second, -11, 0, 16 * time.Second}, {256 * time.Second, -11, 6, 512 * time.Second}, {256 * time.Second, 60, 6, 16 * time.Second},
	} {
		if got := nextPoll(c.poll, ms(c.offset), ms(c.jitter)); got != c.want {
			t.Errorf("%v at %v ms, jitter %v ms: %v", c.poll, c.offset, c.jitter, got)
		}
	}
}

func TestNoSlewMakesTheClockRunOddly(t *testing.T) {
	for poll, want := range map[time.Duration]int64{16 * time.Second: 2, 32 * time.Second: 3, 1024 * time.Second: 8} {
		if got := timeConstant(poll, ms(-1)); got != want {
			t.Errorf("%v: %d, want %d", poll, got, want)
		}
	}
	for _, offset := range []time.Duration{stepFrom, -stepFrom, ms(100)} {
		if c := timeConstant(minPoll, offset); offset.Abs().Seconds()/float64(int64(4)<<c) > 0.01 {
			t.Errorf("%v with constant %d: faster than 1 %%", offset, c)
		}
	}
}

// hands is a clock that only the test reads. Its rate is wrong by a part of itself; Slew corrects time and rate as the
// kernel's loop does (kernel/time/ntp.c), as far as pass lets time go by.
type hands struct {
	off    time.Duration // from real time
	synced bool
	steps  []time.Duration
	slews  []time.Duration
	rtc    int
	dead   error         // why the battery clock cannot be read
	rtcOff time.Duration // of the battery clock, from real time
	leap   Leap

	wrong, learnt float64 // rates
	left          time.Duration
	constant      int64
	since         float64 // seconds since the last Slew
}

func (h *hands) Now() time.Time     { return time.Now().Add(h.off) }
func (h *hands) Synchronised() bool { return h.synced }
func (h *hands) Step(d time.Duration) error {
	h.off += d
	h.steps = append(h.steps, d)
	return nil
}
func (h *hands) Slew(c Correction) error {
	h.slews, h.leap = append(h.slews, c.Offset), c.Leap
	h.constant = timeConstant(c.Poll, c.Offset)
	seconds := min(h.since, float64(int64(1)<<(3+h.constant)))
	h.learnt += c.Offset.Seconds() * seconds / float64(int64(1)<<(2*(4+h.constant)))
	h.left, h.since = c.Offset, 0
	return nil
}
func (h *hands) SetRTC(context.Context) error { h.rtc++; return nil }
func (h *hands) Tick(context.Context) (time.Time, error) {
	now := time.Now().Add(h.rtcOff)
	next := now.Truncate(time.Second).Add(time.Second)
	time.Sleep(next.Sub(now))
	return next, h.dead
}

func (h *hands) pass(d time.Duration) {
	for range int(d / time.Second) {
		part := h.left / time.Duration(int64(4)<<h.constant)
		h.left -= part
		h.off += part + time.Duration((h.wrong+h.learnt)*float64(time.Second))
		h.since++
	}
}

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
	r.Open()
	return r
}

// says is a Query whose servers are off real time by what their names' entries tell.
func says(h *hands, off map[string]time.Duration) Query {
	return func(_ context.Context, server string, _ int) (Sample, error) {
		o, ok := off[server]
		if !ok {
			return Sample{}, errors.New("silent")
		}
		return Sample{Server: server, Addr: netip.MustParseAddr("192.0.2.1"), Offset: o - h.off, Delay: ms(20), Stratum: 2}, nil
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
	truth["a"] = ms(0.4)
	if pause := r.round(t.Context()); pause != 2*minPoll || len(h.steps) != 1 || h.slews[len(h.slews)-1] != ms(0.4) || r.now.OffsetMs != 0.4 {
		t.Errorf("pause %v, %+v, %+v", pause, h, r.now)
	}
	truth["a"] = 2 * time.Second
	if pause := r.round(t.Context()); pause != firstRetry || len(h.steps) != 1 || r.now.Sources[0].Status != api.ClockSourceStatusPassed {
		t.Errorf("one odd answer was believed: pause %v, %+v, %+v", pause, h, r.now)
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
	r.Configure(Settings{Servers: []string{"mine"}})
	r.round(t.Context())
	if r.now.Server != "mine" || !slices.Equal(r.now.ConfiguredServers, []string{"mine"}) {
		t.Errorf("got %+v", r.now)
	}
	r.cfg.Boot = nil
	r.Configure(Settings{})
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

// leaping is a Query whose servers announce a leap second.
func leaping(q Query) Query {
	return func(ctx context.Context, server string, burst int) (Sample, error) {
		s, err := q(ctx, server, burst)
		s.Leap = LeapAdd
		return s, err
	}
}

func TestOneLostAnswerDoesNotPutALiarInCharge(t *testing.T) {
	h := &hands{off: ms(0.2), synced: true}
	truth := map[string]time.Duration{"liar": 5 * time.Minute, "b": 0, "c": 0}
	r := newRig(t, h, says(h, truth))
	r.Offer([]string{"liar", "b", "c"})
	for range 4 {
		r.round(t.Context())
	}
	if r.now.Status != api.ClockStatusSynchronised || r.now.Server == "liar" || r.now.Sources[0].Status != api.ClockSourceStatusFalse {
		t.Fatalf("got %+v", r.now)
	}
	delete(truth, "c")
	for range votes - 1 {
		if r.round(t.Context()); r.now.Server != "b" || len(h.steps) > 0 {
			t.Fatalf("after a lost answer: %+v, steps %v", r.now, h.steps)
		}
	}
	truth["c"] = 0
	delete(truth, "b")
	for range 2 {
		if r.round(t.Context()); r.now.Server != "c" || len(h.steps) > 0 {
			t.Errorf("after another lost answer: %+v, steps %v", r.now, h.steps)
		}
	}
}

func TestAServerThatRefusesIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, asked := &hands{}, 0
		r := newRig(t, h, func(context.Context, string, int) (Sample, error) {
			asked++
			return Sample{}, &kissError{"RATE"}
		})
		r.Offer([]string{"a"})
		for begin := time.Now(); time.Since(begin) < restFirst-mostRetry; {
			time.Sleep(r.round(t.Context()))
		}
		if asked != 1 || !strings.Contains(r.now.Reason, "RATE") || r.now.Sources[0].Status != api.ClockSourceStatusSilent {
			t.Errorf("asked %d times, %+v", asked, r.now)
		}
		time.Sleep(mostRetry + time.Second)
		if r.round(t.Context()); asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestTheFirstRunTakesTheFractionOfASecondFromTheBatteryClock(t *testing.T) {
	for _, c := range []struct {
		what         string
		clock, rtc   time.Duration // off by
		again        bool          // the service ran before
		dead         error
		want         time.Duration
		synchronised bool
	}{
		{what: "read in whole seconds", clock: ms(-730), rtc: ms(20), want: ms(20)},
		{what: "in 2019", clock: -60000*time.Hour - ms(300), rtc: -60000 * time.Hour, want: -60000 * time.Hour},
		{what: "as good as right", clock: ms(3), want: ms(3)},
		{what: "a battery clock in another time zone", clock: ms(-700), rtc: time.Hour, want: ms(-700)},
		{what: "no battery clock", clock: ms(-700), dead: errors.New("no such device"), want: ms(-700)},
		{what: "a service that was restarted", clock: ms(-700), again: true, want: ms(-700)},
		{what: "synchronised meanwhile", clock: ms(-700), synchronised: true, want: ms(-700)},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				run := func(h *hands) {
					ctx, stop := context.WithCancel(t.Context())
					r := newRig(t, h, says(h, nil), func(c *Config) { c.Dir = dir })
					done := make(chan error)
					go func() { done <- r.Run(ctx) }()
					time.Sleep(2 * time.Second)
					stop()
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
				if c.again {
					run(&hands{})
				}
				h := &hands{off: c.clock, rtcOff: c.rtc, dead: c.dead, synced: c.synchronised}
				run(h)
				if h.off != c.want {
					t.Errorf("%v off, want %v", h.off, c.want)
				}
			})
		})
	}
}
