package hostwatch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/sysconfig"
)

const (
	// patience is how long an answer may take.
	patience = 2 * time.Second
	// hurry is the longest pause while a state is not certain.
	hurry = 5 * time.Second
	// resolved is how long a name's address is good for, while it answers.
	resolved = 5 * time.Minute
	// eventsMost is how many changes of state are kept.
	eventsMost = 500
)

// Config is what a Watch is made with.
type Config struct {
	Ping    func(ctx context.Context, to netip.Addr) (time.Duration, error)
	Resolve func(ctx context.Context, name string) (netip.Addr, error)
	File    string // where history and events are kept
	Log     *slog.Logger
}

// Gateway is a router that an interface goes by.
type Gateway struct {
	Interface string // as people know it
	Address   netip.Addr
}

// Event is a change of state.
type Event struct {
	AtMs    int64  `json:"atMs"`
	Address string `json:"address"`
	Name    string `json:"name"`
	From    State  `json:"from"`
	To      State  `json:"to"`
	Reason  string `json:"reason,omitempty"`
}

// Host is one that is watched, as it is now.
type Host struct {
	sysconfig.WatchedHost
	Chosen      bool   // it is one of the settings
	Gateway     bool   // it is one of the machine's gateways
	IP          string // asked last; empty: its name is not known
	State       State
	Reason      string
	SinceMs     int64
	LossPercent int     // of the recent requests
	MedianMs    float64 // of the recent answers; zero: none
}

// Watch watches hosts. Run it once; the other methods may be called from anywhere.
type Watch struct {
	cfg  Config
	news chan struct{} // holds one: settings or gateways changed

	mu       sync.Mutex
	settings sysconfig.HostWatch
	gateways []Gateway
	hosts    map[string]*host // by address in lower case
	events   []Event          // oldest first
	loops    sync.WaitGroup
}

// host is one that is watched. All but what is fixed belongs to the Watch's lock.
type host struct {
	def     sysconfig.WatchedHost // defaults filled in
	chosen  bool
	gateway bool
	cancel  context.CancelFunc // nil: no loop runs

	ip      netip.Addr
	state   State
	reason  string
	since   time.Time
	recent  []probe
	history history
}

// New returns a Watch that asks nobody yet.
func New(cfg Config) *Watch {
	return &Watch{cfg: cfg, news: make(chan struct{}, 1), hosts: map[string]*host{}}
}

// Configure sets what is watched.
func (w *Watch) Configure(s sysconfig.HostWatch) {
	w.mu.Lock()
	w.settings = s
	w.mu.Unlock()
	w.wake()
}

// SetGateways says which gateways there are.
func (w *Watch) SetGateways(list []Gateway) {
	w.mu.Lock()
	same := slices.Equal(list, w.gateways)
	w.gateways = slices.Clone(list)
	w.mu.Unlock()
	if !same {
		w.wake()
	}
}

func (w *Watch) wake() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// Run watches until ctx is cancelled.
func (w *Watch) Run(ctx context.Context) error {
	w.load()
	ctx, cancel := context.WithCancel(ctx)
	defer w.save()
	defer w.loops.Wait()
	defer cancel()
	for {
		w.reconcile(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-w.news:
		}
	}
}

// wanted are the hosts to watch: those chosen, in their order, then gateways that are not among them.
func (w *Watch) wanted() []host {
	var out []host
	for _, def := range w.settings.Hosts {
		out = append(out, host{def: filled(def), chosen: true})
	}
	if w.settings.WithoutGateways {
		return out
	}
	for _, g := range w.gateways {
		address := g.Address.String()
		if i := slices.IndexFunc(out, func(o host) bool { return strings.EqualFold(o.def.Address, address) }); i >= 0 {
			out[i].gateway = true
			continue
		}
		out = append(out, host{def: filled(sysconfig.WatchedHost{Name: "Gateway of " + g.Interface, Address: address}), gateway: true})
	}
	return out
}

func filled(d sysconfig.WatchedHost) sysconfig.WatchedHost {
	d.Name = cmp.Or(d.Name, d.Address)
	d.IntervalSeconds = cmp.Or(d.IntervalSeconds, sysconfig.HostIntervalSeconds)
	d.LossPercent = cmp.Or(d.LossPercent, sysconfig.HostLossPercent)
	return d
}

// reconcile starts and ends loops so that those run that are wanted. A host whose address stays keeps its history.
func (w *Watch) reconcile(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[string]bool{}
	for _, want := range w.wanted() {
		key := strings.ToLower(want.def.Address)
		there[key] = true
		h := w.hosts[key]
		if h == nil {
			h = &host{state: Waiting, since: time.Now()}
			w.hosts[key] = h
		}
		interval := h.def.IntervalSeconds
		h.def, h.chosen, h.gateway = want.def, want.chosen, want.gateway
		if h.cancel != nil && interval == want.def.IntervalSeconds {
			continue
		}
		if h.cancel != nil {
			h.cancel()
		}
		var loop context.Context
		loop, h.cancel = context.WithCancel(ctx)
		every := time.Duration(want.def.IntervalSeconds) * time.Second
		w.loops.Go(func() { w.follow(loop, h, want.def.Address, every) })
	}
	for key, h := range w.hosts {
		if !there[key] {
			if h.cancel != nil {
				h.cancel()
			}
			delete(w.hosts, key)
		}
	}
}

// follow asks one host again and again.
func (w *Watch) follow(ctx context.Context, h *host, address string, every time.Duration) {
	// Not all at once, for ever after.
	next := time.Now().Add(rand.N(min(every, 2*time.Second)))
	var ip netip.Addr
	var until time.Time
	for {
		t := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		began := time.Now()
		next = began.Add(every)
		asking, cancel := context.WithTimeout(ctx, min(every, patience))
		var one probe
		if !ip.IsValid() || began.After(until) {
			found, err := w.resolve(asking, address)
			if err == nil {
				ip, until = found, began.Add(resolved)
			} else if !ip.IsValid() {
				one.lost = "its name is not known"
			}
		}
		if ip.IsValid() {
			var err error
			if one.rtt, err = w.cfg.Ping(asking, ip); err != nil {
				one.lost = err.Error()
				until = began // it may have another address by now
			}
		}
		cancel()
		if ctx.Err() == nil && w.note(h, began, ip, one) {
			next = began.Add(min(every, hurry))
		}
	}
}

func (w *Watch) resolve(ctx context.Context, address string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(address); err == nil {
		return a, nil
	}
	return w.cfg.Resolve(ctx, address)
}

// note takes in the outcome of one request, and says whether more is to be known soon.
func (w *Watch) note(h *host, at time.Time, ip netip.Addr, one probe) (unsure bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.ip = ip
	h.history = h.history.add(at, one)
	h.recent = append(h.recent, one)
	if over := len(h.recent) - recentMost; over > 0 {
		h.recent = slices.Delete(h.recent, 0, over)
	}
	if len(h.recent) < fewest {
		return true // it is as it was before a restart, or not known yet
	}
	was := h.state
	h.state, h.reason = judge(was, h.recent, limits{h.def.LossPercent, time.Duration(h.def.LatencyMs) * time.Millisecond})
	unsure = one.lost != "" && h.state != Down
	if h.state == was {
		return unsure
	}
	h.since = at
	if was == Waiting && h.state == Up {
		return unsure // nothing new
	}
	w.cfg.Log.Info("watched host", "host", h.def.Name, "address", h.def.Address, "from", string(was), "to", string(h.state), "reason", h.reason)
	w.events = append(w.events, Event{at.UnixMilli(), h.def.Address, h.def.Name, was, h.state, h.reason})
	if over := len(w.events) - eventsMost; over > 0 {
		w.events = slices.Delete(w.events, 0, over)
	}
	return unsure
}

// Hosts returns the settings, the hosts as they are now in the order of the settings, gateways last, and the changes of
// state, newest first.
func (w *Watch) Hosts() (sysconfig.HostWatch, []Host, []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Host
	for _, want := range w.wanted() {
		out := Host{WatchedHost: want.def, Chosen: want.chosen, Gateway: want.gateway, State: Waiting}
		if h := w.hosts[strings.ToLower(want.def.Address)]; h != nil {
			s := sum(h.recent)
			out.State, out.Reason, out.SinceMs = h.state, h.reason, h.since.UnixMilli()
			out.LossPercent, out.MedianMs = s.lossPercent, float64(s.median)/float64(time.Millisecond)
			if h.ip.IsValid() {
				out.IP = h.ip.String()
			}
		}
		list = append(list, out)
	}
	events := slices.Clone(w.events)
	slices.Reverse(events)
	return w.settings, list, events
}

// ErrNotWatched is returned for a host that is not watched.
var ErrNotWatched = errors.New("not watched")

// History returns how a host was, oldest first.
func (w *Watch) History(address string) ([]Point, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[strings.ToLower(address)]
	if h == nil {
		return nil, ErrNotWatched
	}
	return slices.Clone(h.history), nil
}
