//go:build whole

package machine

import (
	"context"
	"fmt"
	"testing"

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
