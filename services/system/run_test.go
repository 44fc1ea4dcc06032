package system_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/system"
	"vigie/services/system/systemapi"
)

// lockedBuffer may be written to by many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// observe runs the service on this host as "make demo" does.
func observe(t *testing.T, dir string) (c *systemapi.Client, console *lockedBuffer, stop func()) {
	t.Helper()
	console = &lockedBuffer{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	socket := filepath.Join(dir, "api.sock")
	go func() {
		done <- system.Run(ctx, []string{"-observe", "-socket", socket, "-run", filepath.Join(dir, "run"), "-volume", filepath.Join(dir, "volume")}, console, t.Output())
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
		if _, err := os.Stat(socket); err == nil {
			t.Error("the socket is left")
		}
	})
	c = systemapi.New(socket)
	t.Cleanup(func() { stop(); c.Close() })
	return c, console, stop
}

// settled follows the service until its storage is settled.
func settled(t *testing.T, c *systemapi.Client) api.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var last api.Status
	err := c.Watch(ctx, func(s api.Status) {
		if last = s; s.StorageSettled && len(s.Interfaces) > 0 && s.Clock.Status == api.ClockStatusObserve {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("never settled: %v, %+v", err, last)
	}
	return last
}

func TestObserveShowsThisMachineAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	c, console, stop := observe(t, dir)
	s := settled(t, c)
	if s.BootMode != api.StatusBootModeObserve || s.Kernel == "" || s.Hostname == "" || s.Memory.TotalBytes == 0 || s.StartedMs >= s.Clock.NowMs {
		t.Errorf("got %+v", s)
	}
	if len(s.Volumes) != 1 || s.Volumes[0].Path != filepath.Join(dir, "volume") || s.Volumes[0].Status != api.VolumeStatusMounted {
		t.Fatalf("volumes %+v", s.Volumes)
	}
	if !strings.Contains(console.String(), "mounted at "+s.Volumes[0].Path) {
		t.Errorf("console %q", console.String())
	}
	for what, err := range map[string]error{
		"power":   c.Power(t.Context(), api.PowerRequestActionReboot),
		"clock":   c.PutClock(t.Context(), api.ClockRequest{NtpServers: []string{"a"}}),
		"format":  c.FormatDisk(t.Context(), "x", api.FormatRequest{ConfirmSerial: "x"}),
		"restart": c.RestartService(t.Context(), "engine", false),
		"reset":   c.FactoryReset(t.Context(), api.FactoryReset{Confirm: "factory reset", Erase: []api.FactoryResetVolume{}}),
	} {
		var refusal *ask.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusConflict || refusal.Detail.Message == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	zone := "Pacific/Chatham"
	if err := c.PutClock(t.Context(), api.ClockRequest{NtpServers: []string{}, TimeZone: &zone}); err != nil {
		t.Error(err) // the zone is no matter of this machine's clock
	}
	if err := c.PutClock(t.Context(), api.ClockRequest{NtpServers: []string{}}); err != nil {
		t.Error(err)
	}
	if s, err := c.Status(t.Context()); err != nil || s.Clock.TimeZone != zone {
		t.Errorf("time zone %q, %v", s.Clock.TimeZone, err)
	}
	var refusal *ask.Error
	bad := "Mars/Olympus"
	if err := c.PutClock(t.Context(), api.ClockRequest{NtpServers: []string{}, TimeZone: &bad}); !errors.As(err, &refusal) || refusal.Detail.Field != "timeZone" {
		t.Errorf("a time zone that does not exist: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "api.sock"))
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket %v, %v", info, err)
	}

	t.Run("a second one is refused", func(t *testing.T) {
		err := system.Run(t.Context(), []string{"-observe", "-socket", filepath.Join(dir, "api.sock"), "-run", filepath.Join(dir, "run")}, console, t.Output())
		if err == nil || !strings.Contains(err.Error(), "another") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("its volume stays the same", func(t *testing.T) {
		stop()
		c, _, _ := observe(t, dir)
		if again := settled(t, c); len(again.Volumes) != 1 || again.Volumes[0].ID != s.Volumes[0].ID || again.Clock.TimeZone != zone {
			t.Errorf("was %+v, is %+v", s.Volumes, again.Volumes)
		}
	})
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-volume", "/x"}, {"extra"}, {"-no-such"}} {
		if err := system.Run(t.Context(), args, &lockedBuffer{}, &lockedBuffer{}); err == nil {
			t.Errorf("%q accepted", args)
		}
	}
}
