package smart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/services/smart/smartapi"
)

// lab is a Watch over disks that answer what files say: no disk of a build machine hangs, sleeps or fails when it is wanted
// to.
type lab struct {
	t     *testing.T
	dir   string
	w     *Watch
	mu    sync.Mutex
	told  []string
	asked []string
	noted map[string]int
}

func (l *lab) ask(ctx context.Context, r smartapi.Request) (smartapi.Answer, error) {
	l.mu.Lock()
	l.asked = append(l.asked, filepath.Base(r.Node)+" "+r.Do)
	l.mu.Unlock()
	is := func(what string) bool { _, err := os.Stat(r.Node + "." + what); return err == nil }
	switch {
	case is("hangs"):
		<-ctx.Done()
		return smartapi.Answer{}, ctx.Err()
	case r.Do != smartapi.Report && is("refuses"):
		return smartapi.Answer{Status: 4}, nil
	case r.Do != smartapi.Report:
		return smartapi.Answer{}, nil
	case is("sleeps"):
		return smartapi.Answer{Status: smartapi.Asleep}, nil
	}
	b, err := os.ReadFile(r.Node + ".json")
	return smartapi.Answer{Status: 64, Output: string(b)}, err
}

func newLab(t *testing.T, disks ...string) *lab {
	l := &lab{t: t, dir: t.TempDir(), noted: map[string]int{}}
	l.w = New(Config{
		Ask: l.ask, Now: time.Now,
		Noted: func(d Disk, _ time.Time, _ Report) { l.mu.Lock(); defer l.mu.Unlock(); l.noted[d.ID]++ },
		Changed: func(d Disk, _ time.Time, c Condition, came bool, reason string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told = append(l.told, fmt.Sprintf("%s %s %v %s", d.Serial, c, came, reason))
		},
	})
	l.w.pace = pace{settle: time.Millisecond, usual: 5 * time.Millisecond, testing: 5 * time.Millisecond, hung: 5 * time.Millisecond}
	l.w.patience = 5 * time.Second
	var list []Disk
	for _, name := range disks {
		list = append(list, Disk{ID: name, Serial: "S-" + name, Target: Target{Node: filepath.Join(l.dir, name)}})
	}
	l.w.SetDisks(list)
	return l
}

func (l *lab) start() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				l.t.Error(err)
			}
		case <-time.After(2 * time.Second):
			l.t.Error("a disk holds up the end")
		}
	})
	l.t.Cleanup(stop)
	return stop
}

func (l *lab) put(name string, text []byte) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) until(what, disk string, ok func(State) bool) State {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		s, there := l.w.State(disk)
		if there && ok(s) {
			return s
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s: never %s: %+v", disk, what, s)
		}
	}
}

func (l *lab) hasTold(want string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.told, func(s string) bool { return strings.Contains(s, want) })
}

func TestDisksAreAskedAndWhatChangesIsTold(t *testing.T) {
	l := newLab(t, "a", "b")
	l.put("a.json", dump(t, "ata-disk"))
	l.put("b.json", dump(t, "ata-flash"))
	l.start()
	s := l.until("known", "a", func(s State) bool { return s.Known })
	if !slices.Equal(s.Conditions, []Condition{TestFailed, Pending, Reallocated}) || s.Checked.IsZero() || *s.Report.Temperature != 36 {
		t.Errorf("got %+v", s)
	}
	if s := l.until("known", "b", func(s State) bool { return s.Known }); len(s.Conditions) != 0 {
		t.Errorf("got %+v", s)
	}
	l.put("a.json", []byte(strings.Replace(string(dump(t, "ata-disk")), `"raw": {"value": 3, "string": "3"}`, `"raw": {"value": 0, "string": "0"}`, 1)))
	l.until("mended", "a", func(s State) bool { return !slices.Contains(s.Conditions, Pending) })
	for _, want := range []string{"S-a pending true 3 sectors", "S-a pending false", "S-a test_failed true"} {
		if !l.hasTold(want) {
			t.Errorf("not told: %s: %q", want, l.told)
		}
	}
	l.mu.Lock()
	if l.noted["a"] < 2 || l.noted["b"] < 1 {
		t.Errorf("noted %v", l.noted)
	}
	l.mu.Unlock()
	l.put("b.json", []byte("nonsense"))
	if s := l.until("not understood", "b", func(s State) bool { return s.Problem != "" }); !s.Known || s.Report.Model == "" {
		t.Errorf("what was known is forgotten: %+v", s)
	}
}

func TestADiskThatSleepsIsNotWoken(t *testing.T) {
	l := newLab(t, "a")
	l.put("a.json", dump(t, "ata-disk"))
	l.start()
	l.until("known", "a", func(s State) bool { return s.Known })
	l.put("a.sleeps", nil)
	s := l.until("asleep", "a", func(s State) bool { return s.Asleep })
	if !s.Known || *s.Report.Temperature != 36 || len(s.Conditions) != 3 {
		t.Errorf("what was known is forgotten: %+v", s)
	}
}

// TestADiskThatHangsStopsNobody: neither another disk, nor the end of the service; and it is asked again once it is well.
func TestADiskThatHangsStopsNobody(t *testing.T) {
	l := newLab(t, "hangs", "well")
	l.w.patience = 500 * time.Millisecond
	l.put("hangs.json", dump(t, "ata-disk"))
	l.put("hangs.hangs", nil)
	l.put("well.json", dump(t, "ata-flash"))
	stop := l.start()
	l.until("known", "well", func(s State) bool { return s.Known })
	s := l.until("silent", "hangs", func(s State) bool { return slices.Contains(s.Conditions, Silent) })
	if s.Known || s.Problem == "" || !l.hasTold("S-hangs silent true") {
		t.Errorf("got %+v, told %q", s, l.told)
	}
	if err := os.Remove(filepath.Join(l.dir, "hangs.hangs")); err != nil {
		t.Fatal(err)
	}
	l.until("well", "hangs", func(s State) bool { return s.Known && !slices.Contains(s.Conditions, Silent) })
	l.put("hangs.hangs", nil)
	began := time.Now()
	stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestSelfTestsAreStartedAndStopped(t *testing.T) {
	l := newLab(t, "a")
	l.put("a.json", dump(t, "ata-flash"))
	l.start()
	l.until("known", "a", func(s State) bool { return s.Known })
	if err := l.w.Test(t.Context(), "none", "short"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	l.put("a.json", dump(t, "ata-disk")) // where one runs
	if err := l.w.Test(t.Context(), "a", "long"); err != nil {
		t.Fatal(err)
	}
	s := l.until("testing", "a", func(s State) bool { return s.Report.Testing != nil && s.Report.Testing.Percent == 70 })
	if s.Report.Testing.Kind != "long" {
		t.Errorf("got %+v", s.Report.Testing)
	}
	if err := l.w.Test(t.Context(), "a", "stop"); err != nil {
		t.Error(err)
	}
	l.put("a.refuses", nil)
	if err := l.w.Test(t.Context(), "a", "short"); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, want := range []string{"a long", "a stop", "a short"} {
		if !slices.Contains(l.asked, want) {
			t.Errorf("%s was not asked for: %q", want, l.asked)
		}
	}
}
