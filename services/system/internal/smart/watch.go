package smart

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/services/smart/smartapi"
)

// State is how a disk is, as far as is known.
type State struct {
	Known      bool // it has answered since it was plugged in
	Asleep     bool
	Report     Report
	Checked    time.Time // when it answered last
	Conditions []Condition
	Problem    string // why nothing is known, for people
}

// Disk is one to watch.
type Disk struct {
	ID, Serial string
	Seq        uint64 // of this appearance of it
	Target
	// Place is set for what may be behind a RAID card, counted from 1: nobody knows whether there is a disk until it answers.
	Place int
}

// pace is how often disks are asked.
type pace struct {
	settle  time.Duration // after a disk came, so that nothing slows the machine's start
	apart   time.Duration // between the first questions to the places of a card
	empty   time.Duration // between questions to a place where there is no disk
	usual   time.Duration
	testing time.Duration // while it tests itself
	hung    time.Duration // after it did not answer
}

var usualPace = pace{settle: 10 * time.Second, apart: 500 * time.Millisecond, empty: time.Hour, usual: 5 * time.Minute, testing: 20 * time.Second, hung: 10 * time.Minute}

// Config is what a Watch is made with.
type Config struct {
	// Ask asks the smart service; an error that wraps context.DeadlineExceeded or smartapi.ErrBusy is a disk's that does not
	// answer.
	Ask func(context.Context, smartapi.Request) (smartapi.Answer, error)
	// Noted is told each answer; Changed each condition that came or went. Both return at once.
	Noted   func(Disk, time.Time, Report)
	Changed func(d Disk, at time.Time, c Condition, came bool, reason string)
	Now     func() time.Time
}

// Watch asks disks how they are.
type Watch struct {
	cfg      Config
	pace     pace
	patience time.Duration
	news     chan struct{} // holds one

	mu     sync.Mutex
	wanted []Disk
	loops  map[string]*loop // by id
}

// loop is a disk's goroutine and what it found out. All but the channels belongs to the Watch's lock.
type loop struct {
	disk   Disk
	cancel context.CancelFunc
	asked  chan wish
	state  State
}

// wish is a self-test that somebody wants.
type wish struct {
	kind  string
	reply chan error
}

const (
	// patience is how long a disk may take to answer. One that has to be reset first takes the kernel 30 s.
	patience = 60 * time.Second
	// askTime is how long who wants a self-test waits for the disk to be free.
	askTime = 2 * time.Second
)

var (
	errSilent = errors.New("the disk does not answer")
	errAsleep = errors.New("the disk sleeps")
)

// Target is a disk, or one behind a RAID card, as smartctl reaches it.
type Target struct {
	Node string
	Type string // smartctl's --device; empty: it finds out
}

// Errors of Test.
var (
	ErrUnknown = errors.New("this disk is not watched")
	ErrBusy    = errors.New("the disk is being asked how it is")
	ErrRefused = errors.New("the disk refuses to test itself")
)

// New returns a Watch without disks.
func New(cfg Config) *Watch {
	return &Watch{cfg: cfg, pace: usualPace, patience: patience, news: make(chan struct{}, 1), loops: map[string]*loop{}}
}

// SetDisks says which disks there are.
func (w *Watch) SetDisks(list []Disk) {
	w.mu.Lock()
	same := slices.Equal(list, w.wanted)
	w.wanted = slices.Clone(list)
	w.mu.Unlock()
	if !same {
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

// Behind returns the disks that were found behind a RAID card, by their ids' common beginning, in order of their places.
func (w *Watch) Behind(prefix string) (disks []Disk, states []State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.wanted {
		if l := w.loops[d.ID]; l != nil && d.Place > 0 && strings.HasPrefix(d.ID, prefix) && l.state.Known {
			disks, states = append(disks, d), append(states, l.state)
		}
	}
	return disks, states
}

// State returns what is known of a disk.
func (w *Watch) State(id string) (State, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.loops[id]
	if l == nil {
		return State{}, false
	}
	return l.state, true
}

// Test starts a self-test (short, long) or stops the one that runs (stop).
func (w *Watch) Test(ctx context.Context, id, kind string) error {
	w.mu.Lock()
	l := w.loops[id]
	w.mu.Unlock()
	if l == nil {
		return ErrUnknown
	}
	a := wish{kind, make(chan error, 1)}
	select {
	case l.asked <- a:
	case <-time.After(askTime):
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run watches until ctx is cancelled. It waits for no disk.
func (w *Watch) Run(ctx context.Context) error {
	for {
		w.reconcile(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-w.news:
		}
	}
}

func (w *Watch) reconcile(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[string]bool{}
	for _, d := range w.wanted {
		there[d.ID] = true
		if l := w.loops[d.ID]; l != nil {
			if l.disk == d {
				continue
			}
			l.cancel() // another appearance of it
		}
		own, cancel := context.WithCancel(ctx)
		l := &loop{disk: d, cancel: cancel, asked: make(chan wish)}
		w.loops[d.ID] = l
		go w.follow(own, l)
	}
	for id, l := range w.loops {
		if !there[id] {
			l.cancel()
			delete(w.loops, id)
		}
	}
}

// follow asks one disk until it is gone.
func (w *Watch) follow(ctx context.Context, l *loop) {
	wait := w.pace.settle + time.Duration(l.disk.Place)*w.pace.apart
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			var ok bool
			if wait, ok = w.ask(ctx, l); !ok {
				return
			}
		case a := <-l.asked:
			timer.Stop()
			ok, err := w.test(ctx, l, a.kind)
			a.reply <- err
			if !ok {
				return
			}
			wait = 0 // what it says now shows the test
		}
	}
}

// question asks one, with patience. ok is false when the loop is to end.
func (w *Watch) question(ctx context.Context, l *loop, do string) (a smartapi.Answer, ok bool, err error) {
	own, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	a, err = w.cfg.Ask(own, smartapi.Request{Node: l.disk.Node, Type: l.disk.Type, Do: do})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, smartapi.ErrBusy) {
		err = errSilent
	}
	return a, ctx.Err() == nil, err
}

// ask has the disk say how it is, and returns when to ask again.
func (w *Watch) ask(ctx context.Context, l *loop) (again time.Duration, ok bool) {
	a, ok, err := w.question(ctx, l, smartapi.Report)
	if !ok {
		return 0, false
	}
	var r Report
	switch {
	case err == nil && a.Status == smartapi.Asleep:
		err = errAsleep
	case err == nil: // the other statuses are bits that say what the answer says too
		r, err = Parse([]byte(a.Output))
	}
	w.learn(l, r, err)
	switch s, _ := w.State(l.disk.ID); {
	case errors.Is(err, errSilent):
		return w.pace.hung, true
	case err == nil && r.Testing != nil:
		return w.pace.testing, true
	case l.disk.Place > 0 && !s.Known:
		return w.pace.empty, true
	}
	return w.pace.usual, true
}

func (w *Watch) test(ctx context.Context, l *loop, kind string) (ok bool, err error) {
	a, ok, err := w.question(ctx, l, kind)
	switch {
	case errors.Is(err, errSilent):
		w.learn(l, Report{}, err)
		return ok, ErrBusy
	case err == nil && a.Status != 0:
		return ok, ErrRefused
	case err == nil && kind != smartapi.Stop:
		w.mu.Lock()
		l.state.Report.Testing = &Progress{Kind: kind} // until the disk says more
		w.mu.Unlock()
	}
	return ok, err
}

// learn keeps an answer, or that there was none, and tells what changed.
func (w *Watch) learn(l *loop, r Report, err error) {
	now := w.cfg.Now()
	w.mu.Lock()
	s := &l.state
	before := slices.Clone(s.Conditions)
	s.Asleep = errors.Is(err, errAsleep)
	switch {
	case err == nil:
		s.Known, s.Problem, s.Checked = true, "", now
		if r.Testing != nil && r.Testing.Kind == "" && s.Report.Testing != nil {
			r.Testing.Kind = s.Report.Testing.Kind
		}
		s.Report, s.Conditions = r, Judge(before, r)
	case s.Asleep:
	case errors.Is(err, errSilent) && (l.disk.Place == 0 || s.Known):
		s.Problem = Silent.Reason(r)
		if !slices.Contains(before, Silent) {
			s.Conditions = sorted(append(before, Silent))
		}
	default:
		s.Problem = "It cannot say how it is: " + err.Error() + "."
	}
	after, report, disk := slices.Clone(s.Conditions), s.Report, l.disk
	w.mu.Unlock()
	if disk.Serial == "" {
		disk.Serial = report.Serial
	}
	if err == nil {
		w.cfg.Noted(disk, now, r)
	}
	for _, c := range order {
		was, is := slices.Contains(before, c), slices.Contains(after, c)
		if was != is {
			w.cfg.Changed(disk, now, c, is, c.Reason(report))
		}
	}
}

func sorted(list []Condition) []Condition {
	slices.SortFunc(list, func(a, b Condition) int { return slices.Index(order, a) - slices.Index(order, b) })
	return list
}
