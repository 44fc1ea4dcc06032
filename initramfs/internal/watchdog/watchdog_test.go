package watchdog

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		name     string
		down     time.Duration
		stopping bool
		want     bool
	}{
		{name: "recording", down: 0, want: true},
		{name: "engine just restarting", down: 30 * time.Second, want: true},
		{name: "one tick before the limit", down: RecordingLimit - 1, want: true},
		{name: "at the limit", down: RecordingLimit, want: false},
		{name: "for ever", down: 24 * time.Hour, want: false},
		{name: "stopping has limits of its own", down: 24 * time.Hour, stopping: true, want: true},
	} {
		feed, reason := Decide(now, now.Add(-c.down), c.stopping)
		if feed != c.want || (reason == "") != c.want {
			t.Errorf("%s: %v, %q", c.name, feed, reason)
		}
	}
}

func TestRecordingGetsTimeBeforeTheHardwareActs(t *testing.T) {
	if RecordingLimit < 60*time.Second+30*time.Second {
		t.Error("an engine that needs its whole start limit and one long pause would be reset")
	}
	if Interval*3 > Timeout {
		t.Error("two missed feedings reset the machine")
	}
}

func TestFindPrefersHardware(t *testing.T) {
	sys := t.TempDir()
	for name, identity := range map[string]string{"watchdog0": softdogIdentity, "watchdog1": "i6300ESB timer", "watchdog2": ""} {
		dir := filepath.Join(sys, "class/watchdog", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if identity != "" {
			if err := os.WriteFile(filepath.Join(dir, "identity"), []byte(identity+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := Find(sys, "/dev")
	want := []Candidate{{Path: "/dev/watchdog1", Identity: "i6300ESB timer"}, {Path: "/dev/watchdog0", Identity: softdogIdentity, Software: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Find(t.TempDir(), "/dev"); err != nil || len(got) != 0 {
		t.Errorf("without any: %+v, %v", got, err)
	}
}

// fake is a Feeder over a plain file, which takes what a device would be written but no ioctl.
func fake(t *testing.T) (f *Feeder, written func() string, said *[]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog0")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	said = new([]string)
	f = NewFeeder(slog.New(slog.DiscardHandler), func(who, text string) { *said = append(*said, text) }, "looking for one")
	f.Use(&Device{Candidate: Candidate{Path: path, Identity: "test"}, Timeout: Timeout, file: file})
	return f, func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), "\x00", ".")
	}, said
}

func TestFeederFeedsAtItsIntervalAndOnlyWhileRecording(t *testing.T) {
	f, written, said := fake(t)
	start := time.Now()
	for s := range 60 { // five minutes of turns, every five seconds one that is due
		now := start.Add(time.Duration(s+1) * Interval)
		f.Turn(now, now, false)
		f.Turn(now.Add(time.Second), now, false)
	}
	if got := written(); got != strings.Repeat(".", 60) {
		t.Errorf("fed %d times", len(got))
	}
	dead := start.Add(60 * Interval) // recording is down from here on
	for s := range 60 {
		f.Turn(dead.Add(time.Duration(s+1)*Interval), dead, false)
	}
	if got, want := len(written())-60, int(RecordingLimit/Interval)-1; got != want {
		t.Errorf("fed %d times without recording, want %d", got, want)
	}
	if len(*said) != 1 || !strings.Contains((*said)[0], "no longer fed: recording has not been healthy for 2m0s; the machine restarts in 25s") {
		t.Errorf("said %q", *said)
	}
	if s := f.Status(); s.Fed || s.Reason == "" || s.TimeoutS != 30 {
		t.Errorf("status %+v", s)
	}
	now := dead.Add(61 * Interval)
	f.Turn(now, now, false)
	if s := f.Status(); !s.Fed || len(*said) != 2 {
		t.Errorf("after recovery: %+v, said %q", s, *said)
	}
}

func TestPowerOffDisarmsAndRebootNeverLeavesAShortTimeout(t *testing.T) {
	f, written, _ := fake(t)
	if err := f.PowerOff(); err != nil || written() != "V" {
		t.Errorf("%v, wrote %q", err, written())
	}
	f, written, _ = fake(t)
	if err := f.Reboot(); err == nil || written() != "V" { // the file takes no new timeout
		t.Errorf("%v, wrote %q", err, written())
	}
	empty := NewFeeder(slog.New(slog.DiscardHandler), nil, "this machine has none")
	empty.Turn(time.Now(), time.Now(), false)
	if err := errors.Join(empty.PowerOff(), empty.Reboot()); err != nil {
		t.Error(err)
	}
	if s := empty.Status(); s.Fed || s.Reason != "this machine has none" {
		t.Errorf("status %+v", s)
	}
}

func TestOpenRefusesWhatIsNoWatchdog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Candidate{Path: path}); err == nil {
		t.Error("a plain file was armed")
	}
}
