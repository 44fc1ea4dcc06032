package network

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/console"
)

type nobody struct{}

func (nobody) SetInterfaces([]api.Interface) {}
func (nobody) SetDNSServers([]string)        {}

func TestResolvConfIsTriedAgainUntilItIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "resolv.conf")
	m := New(Config{Resolv: path, Offered: func([]string) {}, Console: console.New(io.Discard), Log: slog.New(slog.DiscardHandler)}, nobody{})
	m.publish()
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	m.publish()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestAnEndIsShownByTheClockAsItIsNow(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		then time.Time
		left time.Duration
		want time.Time
	}{
		{now.Add(time.Hour), time.Hour, now.Add(time.Hour)},
		{now.Add(time.Hour), time.Hour + 300*time.Millisecond, now.Add(time.Hour)}, // slewed: no news
		{now.AddDate(-26, 0, 0), time.Hour, now.Add(time.Hour)},
		{now.AddDate(1, 0, 0), 90 * time.Second, now.Add(90 * time.Second)},
	} {
		if got := onTheClock(c.then, c.left, now); !got.Equal(c.want) {
			t.Errorf("%v in %v: %v, want %v", c.then, c.left, got, c.want)
		}
	}
}
