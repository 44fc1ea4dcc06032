//go:build whole

package machine

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
)

// service is how init has a service.
func (b *bench) service(ctx context.Context, name string) (api.Service, error) {
	s, err := b.Status(ctx)
	if err != nil {
		return api.Service{}, err
	}
	for _, v := range s.Services {
		if v.Name == name {
			return v, nil
		}
	}
	return api.Service{}, fmt.Errorf("there is no service %s in %+v", name, s.Services)
}

// servicesAreWell says that every service runs, and has never been restarted, but for those that nobody has asked for.
func servicesAreWell(t *testing.T, s api.Status) {
	t.Helper()
	for _, v := range s.Services {
		want := api.ServiceStatusReady
		if v.OnDemand {
			want = api.ServiceStatusStopped
		}
		if v.Status != want || v.Restarts != 0 {
			t.Errorf("service %+v, want it %s and never restarted", v, want)
		}
	}
}

// servicesStopAndStart has the supervisor stop, start and restart services, on request and with no restart of the machine.
func (b *bench) servicesStopAndStart(t *testing.T) {
	t.Helper()
	ask := func(name, what string) error {
		return b.Call(t.Context(), http.MethodPost, "/services/"+name+"/"+what, nil, nil)
	}
	for _, name := range []string{"engine", "ntp"} {
		before, err := b.service(t.Context(), name)
		if err != nil || !before.Stoppable || before.Status != api.ServiceStatusReady || before.MemoryBytes == 0 {
			t.Fatalf("%+v, %v", before, err)
		}
		is := func(what string, ok func(api.Service) bool) {
			t.Helper()
			b.until(t, 30*time.Second, name+" "+what, func(ctx context.Context) (bool, error) {
				s, err := b.service(ctx, name)
				if err == nil && !ok(s) {
					err = fmt.Errorf("it is %+v", s)
				}
				return err == nil, err
			})
		}
		running := func(s api.Service) bool {
			return s.Status == api.ServiceStatusReady && s.Pid != 0 && s.Pid != before.Pid
		}
		if err := ask(name, "stop"); err != nil {
			t.Fatal(err)
		}
		is("is stopped", func(s api.Service) bool { return s.Status == api.ServiceStatusStopped && s.Pid == 0 })
		if err := ask(name, "start"); err != nil {
			t.Fatal(err)
		}
		is("runs again", running)
		if before, err = b.service(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := ask(name, "restart"); err != nil {
			t.Fatal(err)
		}
		is("was restarted", func(s api.Service) bool { return running(s) && s.Restarts == before.Restarts+1 })
	}
	for _, name := range []string{"system", "web"} { // without them nobody could start anything
		if err := ask(name, "stop"); err == nil || !strings.Contains(err.Error(), "nobody could start it again") {
			t.Errorf("stop %s: %v", name, err)
		}
	}
	if err := ask("nobody", "stop"); err == nil || !strings.Contains(err.Error(), "no such service") {
		t.Errorf("stop a service that there is not: %v", err)
	}
}
