package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/cgroup"
	"vigie/initramfs/internal/launch"
	"vigie/initramfs/internal/reap"
	"vigie/internal/health"
	"vigie/internal/initctl"
)

// TestMain is also the launcher and the services: real processes that misbehave as their argument says.
func TestMain(m *testing.M) {
	if os.Args[0] == launch.Name {
		fmt.Fprintln(os.Stderr, launch.Main(os.Args[1:]))
		os.Exit(127)
	}
	if mode := os.Getenv("SUPERVISED"); mode != "" {
		supervised(mode)
	}
	os.Exit(m.Run())
}

// supervised is a service.
func supervised(mode string) {
	ctx, cancel := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer cancel()
	once := os.Getenv("HOME") + "/once"
	_, err := os.Stat(once)
	first := err != nil
	_ = os.WriteFile(once, nil, 0o600)
	fmt.Println("at work")
	fmt.Fprintln(os.Stderr, "level=INFO msg=started")
	switch mode {
	case "exits":
		os.Exit(3)
	case "stubborn":
		signal.Ignore(unix.SIGTERM)
		ctx = context.Background()
	case "forks":
		// A grandchild in a session of its own: no signal to the group reaches it.
		attr := &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}, Sys: &unix.SysProcAttr{Setsid: true}}
		p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, attr)
		if err != nil {
			panic(err)
		}
		fmt.Println("grandchild", p.Pid)
		if first {
			os.Exit(4)
		}
	case "babbles":
		if first {
			fd := os.NewFile(3, "health")
			for range 100 {
				fmt.Fprint(fd, strings.Repeat("x", 100))
			}
			select {}
		}
	}
	asked := 0
	_ = health.Serve(ctx, func() (uint64, error) {
		asked++
		if asked > 2 && first {
			switch mode {
			case "crashes":
				_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			case "hangs":
				select {}
			case "complains":
				return 0, errors.New("no disk")
			}
		}
		return uint64(asked), nil
	})
	os.Exit(0)
}

func quick() Timing {
	return Timing{
		Tick: 5 * time.Millisecond, Ask: 20 * time.Millisecond, AnswerLimit: time.Second, StartLimit: 10 * time.Second,
		BackoffMin: 30 * time.Millisecond, BackoffMax: 500 * time.Millisecond, Forget: time.Minute,
	}
}

// rig is a Supervisor over real processes, and what it told the installer.
type rig struct {
	*Supervisor
	t     *testing.T
	done  chan error
	mu    sync.Mutex
	steps []string
	turns int
}

// newRig runs a service for each "name:mode", stopped in the order given.
func newRig(t *testing.T, timing Timing, services ...string) *rig {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	reaper := reap.New(log)
	ctx, cancel := context.WithCancel(context.Background())
	reaped := make(chan error, 1)
	go func() { reaped <- reaper.Run(ctx) }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, done: make(chan error, 1)}
	cfg := Config{Log: log, Timing: timing, Reaper: reaper, Tree: tree(t), Launcher: self, Turn: func(time.Time, Snapshot) { r.turns++ }}
	cfg.Step = func(who, text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.steps = append(r.steps, who+": "+text)
	}
	for _, s := range services {
		name, mode, _ := strings.Cut(s, ":")
		path, stopLimit := self, 20*time.Second
		switch mode {
		case "missing":
			path = "/no/such/program"
		case "stubborn":
			stopLimit = 300 * time.Millisecond
		}
		cfg.Services = append(cfg.Services, Service{
			Name: name, Path: path, Env: []string{"SUPERVISED=" + mode}, MaxFiles: 256, RuntimeDir: filepath.Join(t.TempDir(), name),
			RuntimeMode: 0o750, StopLimit: stopLimit, Recording: name == "engine", Stoppable: name == "engine", OnDemand: name == "shell",
		})
		cfg.StopOrder = append(cfg.StopOrder, []string{name})
	}
	r.Supervisor = New(cfg)
	go func() { r.done <- r.Run() }()
	t.Cleanup(func() {
		r.Stop()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		cancel()
		<-reaped
	})
	return r
}

// tree makes control groups of the test's own, in the machine's cgroup v2.
func tree(t *testing.T) *cgroup.Tree {
	t.Helper()
	root := t.TempDir()
	if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, fmt.Sprintf("vigie-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // what was killed last may take a moment to leave
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			groups, _ := filepath.Glob(dir + "/s/*/cgroup.events")
			for _, g := range groups {
				_ = os.Remove(filepath.Dir(g))
			}
			_ = os.Remove(dir + "/s")
			if err = os.Remove(dir); err == nil {
				break
			}
		}
		if err := errors.Join(err, unix.Unmount(root, 0)); err != nil {
			t.Error(err)
		}
	})
	tree, err := cgroup.OpenTree(dir, "s")
	if err != nil {
		t.Logf("some controllers cannot be had here: %v", err)
	}
	return tree
}

// until waits for a condition.
func (r *rig) until(what string, ok func(Snapshot) bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(r.Snapshot()); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s; now %+v, steps %q", what, r.Snapshot(), r.said())
		}
	}
}

func (r *rig) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}

func (r *rig) saidLike(text string) bool {
	return slices.ContainsFunc(r.said(), func(s string) bool { return strings.Contains(s, text) })
}

// is waits for the first service to be in a status after so many restarts or more.
func is(status string, restarts int) func(Snapshot) bool {
	return func(s Snapshot) bool {
		return len(s.Services) > 0 && s.Services[0].Status == status && s.Services[0].Restarts >= restarts
	}
}

func TestServicesBecomeReadyAndAreHeard(t *testing.T) {
	r := newRig(t, quick(), "system:works", "engine:works", "web:works")
	r.until("all ready", func(s Snapshot) bool { return s.Ready })
	r.until("progress", func(s Snapshot) bool { return s.Services[1].Progress > 1 })
	for _, want := range []string{"web: at work", "engine: ready", "init: READY"} {
		if !r.saidLike(want) {
			t.Errorf("%q was not told: %q", want, r.said())
		}
	}
	if r.saidLike("msg=started") {
		t.Error("a log line reached the console")
	}
	lines, err := r.Log("web")
	if err != nil || !slices.Contains(lines, "at work") || !slices.Contains(lines, "level=INFO msg=started") {
		t.Errorf("log %q, %v", lines, err)
	}
	if _, err := r.Log("nobody"); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
	if time.Since(r.Snapshot().RecordingAt) > 10*time.Second {
		t.Error("recording is not counted as healthy")
	}
}

func TestServiceThatMisbehavesIsBack(t *testing.T) {
	for mode, reason := range map[string]string{
		"crashes":   "ended by signal 9 (killed); starts again in 0.0 s",
		"hangs":     "not healthy for 1s: does not answer; it is killed",
		"complains": "not healthy for 1s: no disk; it is killed",
	} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, quick(), "engine:"+mode)
			r.until("ready again", is(initctl.StatusReady, 1))
			if !r.saidLike(reason) {
				t.Errorf("%q was not told: %q", reason, r.said())
			}
		})
	}
}

func TestServiceThatAnswersNonsenseIsKilled(t *testing.T) {
	timing := quick()
	timing.StartLimit = time.Second
	r := newRig(t, timing, "engine:babbles")
	r.until("ready again", is(initctl.StatusReady, 1))
	if !r.saidLike("not ready within 1s: its health answer is too long; it is killed") {
		t.Errorf("told %q", r.said())
	}
}

func TestServiceThatCannotStartIsTriedAgain(t *testing.T) {
	r := newRig(t, quick(), "web:missing", "system:exits")
	r.until("three tries", func(s Snapshot) bool {
		return len(s.Services) > 1 && s.Services[0].Restarts > 2 && s.Services[1].Restarts > 2
	})
	if !r.saidLike("web: ended with status 127") || !r.saidLike("system: ended with status 3") {
		t.Errorf("told %q", r.said())
	}
	if lines, _ := r.Log("web"); len(lines) == 0 || !strings.Contains(lines[0], "no such file") {
		t.Errorf("log %q", lines)
	}
}

func TestNoProcessOfAnEarlierRunIsLeft(t *testing.T) {
	r := newRig(t, quick(), "engine:forks")
	r.until("ready again", is(initctl.StatusReady, 1))
	lines, _ := r.Log("engine")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "grandchild ") })
	pid, err := strconv.Atoi(strings.TrimPrefix(lines[i], "grandchild "))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); alive(t, pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("grandchild %d lives", pid)
		}
	}
}

// alive says whether pid is a running "sleep".
func alive(t *testing.T, pid int) bool {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "State:") {
			return !strings.Contains(lines.Text(), "Z")
		}
	}
	return false
}

func TestStopGoesInOrderAndWaitsForNobodyTooLong(t *testing.T) {
	r := newRig(t, quick(), "web:works", "engine:stubborn", "system:works")
	r.until("all ready", func(s Snapshot) bool { return s.Ready })
	start := time.Now()
	r.Stop()
	r.until("stopped", func(s Snapshot) bool {
		return !slices.ContainsFunc(s.Services, func(v ServiceState) bool { return v.Status != initctl.StatusStopped || v.PID != 0 })
	})
	if took := time.Since(start); took < 300*time.Millisecond || took > 15*time.Second {
		t.Errorf("took %v", took)
	}
	var order []string
	for _, s := range r.said() {
		if strings.HasSuffix(s, ": stopped") || strings.HasSuffix(s, "it is killed") {
			order = append(order, s)
		}
	}
	want := []string{"web: stopped", "engine: did not stop within 300ms; it is killed", "engine: stopped", "system: stopped"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

func TestRestartOnRequest(t *testing.T) {
	r := newRig(t, quick(), "web:works")
	r.until("ready", is(initctl.StatusReady, 0))
	pid := r.Snapshot().Services[0].PID
	if err := r.Restart(t.Context(), "web", false); err != nil {
		t.Fatal(err)
	}
	r.until("ready again", is(initctl.StatusReady, 1))
	if r.Snapshot().Services[0].PID == pid {
		t.Error("the same process")
	}
	if err := r.Restart(t.Context(), "nobody", false); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
}

func TestStoppedOnRequestUntilStarted(t *testing.T) {
	r := newRig(t, quick(), "engine:works")
	r.until("ready", is(initctl.StatusReady, 0))
	if err := r.Hold(t.Context(), "engine"); err != nil {
		t.Fatal(err)
	}
	r.until("stopped", func(s Snapshot) bool { return s.Services[0].Status == initctl.StatusStopped && s.Services[0].PID == 0 })
	held := time.Now()
	r.until("the watchdog is content", func(s Snapshot) bool { return s.RecordingAt.After(held) })
	if err := r.Start(t.Context(), "engine"); err != nil {
		t.Fatal(err)
	}
	r.until("ready again", is(initctl.StatusReady, 0))
	if err := r.Hold(t.Context(), "nobody"); !errors.Is(err, ErrNoService) {
		t.Error(err)
	}
}

func TestWhatStartsOnDemandWaitsForIt(t *testing.T) {
	r := newRig(t, quick(), "shell:works", "web:works")
	r.until("all ready without it", func(s Snapshot) bool { return s.Ready })
	asleep := func(s Snapshot) bool { return s.Services[0].Status == initctl.StatusStopped && s.Services[0].PID == 0 }
	if !asleep(r.Snapshot()) || r.saidLike("shell: at work") {
		t.Fatalf("it runs: %+v, %q", r.Snapshot(), r.said())
	}
	for range 2 {
		if err := r.Start(t.Context(), "shell"); err != nil {
			t.Fatal(err)
		}
		r.until("ready", is(initctl.StatusReady, 0))
		if err := r.Hold(t.Context(), "shell"); err != nil {
			t.Fatal(err)
		}
		r.until("asleep again", asleep)
	}
}

func TestWhatIsNeededIsNotStopped(t *testing.T) {
	r := newRig(t, quick(), "web:works")
	r.until("ready", is(initctl.StatusReady, 0))
	if err := r.Hold(t.Context(), "web"); !errors.Is(err, ErrNeeded) {
		t.Error(err)
	}
	if !is(initctl.StatusReady, 0)(r.Snapshot()) {
		t.Error("it was touched")
	}
}

func TestLoopSurvivesAPanicInATurn(t *testing.T) {
	r := &rig{t: t, done: make(chan error, 1)}
	turns := 0
	r.Supervisor = New(Config{Log: slog.New(slog.DiscardHandler), Timing: quick(), Step: func(string, string) {}, Turn: func(time.Time, Snapshot) {
		if turns++; turns == 3 {
			panic("boom")
		}
		if turns == 10 {
			r.Supervisor.Stop()
		}
	}})
	if err := r.Run(); turns < 5 {
		t.Errorf("%d turns, %v", turns, err)
	}
}
