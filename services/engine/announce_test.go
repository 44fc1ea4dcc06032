package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
)

func TestTheFirewallIsToldTheRelaysPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		settings := api.RelaySettings{RtspPort: 554, RtspsPort: 322, MulticastPort: 18600}
		change := func(f func(*api.RelaySettings)) {
			mu.Lock()
			defer mu.Unlock()
			f(&settings)
		}
		var told []api.RelayPorts
		var trouble error
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			announce(ctx, func() api.RelaySettings {
				mu.Lock()
				defer mu.Unlock()
				return settings
			}, func(_ context.Context, p api.RelayPorts) error {
				told = append(told, p)
				return trouble
			}, slog.New(slog.DiscardHandler))
		}()
		expect := func(what string, within time.Duration, want ...api.RelayPorts) {
			t.Helper()
			time.Sleep(within)
			synctest.Wait()
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
			told = nil
		}
		none := api.RelayPorts{TCP: []int{}, UDP: []int{}}
		expect("switched off", time.Second, none)
		change(func(s *api.RelaySettings) { s.Enabled = true })
		expect("switched on", time.Second, api.RelayPorts{TCP: []int{554}, UDP: []int{}})
		change(func(s *api.RelaySettings) { s.TLS, s.Multicast = true, true })
		all := api.RelayPorts{TCP: []int{554, 322}, UDP: []int{18600, 18601, 18602, 18603}}
		expect("all of it", time.Second, all)
		expect("a reminder", reminder, all)
		trouble = errors.New("it is being restarted")
		change(func(s *api.RelaySettings) { s.Enabled = false })
		expect("in trouble", 2*announceTime, none, none)
		trouble = nil
		expect("again", 2*announceTime, none)
		cancel()
		<-done
	})
}
