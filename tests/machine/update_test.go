//go:build whole

package machine

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/appliance"
)

// variant makes of the image that was built another version, which says that it was built so much later.
func variant(t *testing.T, version, later, options string) *os.File {
	t.Helper()
	file := filepath.Join(t.TempDir(), version+".img")
	cmd := exec.Command("go", "run", "./image", "variant", "-out", "build", "-version", version, "-later="+later, "-options", options, "-to", file)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// slots are the versions in the slot that runs, and in the other one.
func (b *bench) slots(t *testing.T) (running, other api.UpdateSlot, u api.Update) {
	t.Helper()
	b.until(t, time.Minute, "the slots are known", func(ctx context.Context) (bool, error) {
		u = api.Update{}
		err := b.Call(ctx, http.MethodGet, "/update", nil, &u)
		return err == nil && u.Possible && len(u.Slots) == 2, err
	})
	return u.Slots[0], u.Slots[1], u
}

// update sends an update and has it started.
func (b *bench) update(t *testing.T, image *os.File, version string, withinSeconds int) {
	t.Helper()
	before, _, _ := b.slots(t)
	began := time.Now()
	if offer, err := b.SendUpdate(t.Context(), image); err != nil || offer.Version != version || offer.Relation != api.UpdateOfferRelationNewer {
		t.Fatalf("%+v, %v", offer, err)
	}
	t.Logf("sending and writing an update took %.1f s", time.Since(began).Seconds())
	if running, other, u := b.slots(t); running != before || other.Version != version || other.State != api.UpdateSlotStateEmpty || u.Writing.Status != api.UpdateWritingStatusDone {
		t.Fatalf("it runs %+v, in the other slot is %+v; %+v", running, other, u)
	}
	if err := b.Call(t.Context(), http.MethodPost, "/update/try", api.UpdateTry{Version: version, WithinSeconds: withinSeconds}, nil); err != nil {
		t.Fatal(err)
	}
}

// says waits for a line of the console, logs in anew, and returns what the newest trial came to.
func (b *bench) says(t *testing.T, line string) api.UpdateOutcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	if _, err := b.VM.Console().Expect(ctx, regexp.MustCompile(line)); err != nil {
		t.Fatal(err)
	}
	b.until(t, 2*time.Minute, "the administrator can log in", func(ctx context.Context) (bool, error) {
		err := b.Login(ctx, owner, password)
		return err == nil, err
	})
	_, _, u := b.slots(t)
	if len(u.History) == 0 {
		t.Fatalf("no outcome: %+v", u)
	}
	return u.History[0]
}

// returns has a version tried that finds no network card: it notices that its camera is not recorded, and gives way.
func (b *bench) returns(t *testing.T) {
	t.Helper()
	old := variant(t, "ancient", "-24h", "")
	var refused *appliance.Error
	if _, err := b.SendUpdate(t.Context(), old); !errors.As(err, &refused) || refused.Detail.Code != "older" {
		t.Errorf("an older version: %v", err)
	}
	b.givesWay(t, "deaf", "modprobe.blacklist=virtio_net", "1 of 1 cameras")
	if s, err := b.Status(t.Context()); err != nil || !slices.Equal(s.Clock.ConfiguredServers, []string{"ntp.example.com"}) {
		t.Errorf("settings: %+v, %v", s.Clock, err)
	}
	b.recording(t)
}

// falls has a version tried whose kernel never comes so far as init: it is started three times, and then no more.
func (b *bench) falls(t *testing.T) {
	t.Helper()
	b.givesWay(t, "mute", "panic=1 rdinit=/none root=/dev/none", "It was started 3 times")
}

// givesWay has a version tried that does not work with these options, for a minute, and gone back from for a reason that begins so.
func (b *bench) givesWay(t *testing.T, version, options, reason string) {
	t.Helper()
	before, _, _ := b.slots(t)
	b.update(t, variant(t, version, "1m", options), version, 60)
	began := time.Now()
	o := b.says(t, `update: returned to version .* because version `+version+` did not work`)
	t.Logf("from the restart until the machine has returned from version %s, which may have 60 s of its own: %.1f s", version, time.Since(began).Seconds())
	if o.Result != api.UpdateOutcomeResultReturned || o.From != before.Version || o.To != version || !strings.HasPrefix(o.Reason, reason) {
		t.Errorf("%+v", o)
	}
	if running, other, _ := b.slots(t); running != before || other.Version != version || other.State != api.UpdateSlotStateBad {
		t.Errorf("it runs %+v, in the other slot is %+v", running, other)
	}
}

// confirms has a version tried that works, in the browser.
func (b *bench) confirms(t *testing.T) {
	t.Helper()
	before, _, _ := b.slots(t)
	b.browse(t, "versions.mjs", password, map[string]string{"file": variant(t, "next", "2m", "").Name(), "version": "next"})
	o := b.says(t, `update: version next works, and is confirmed`)
	t.Logf("from the restart to the confirmation: %.1f s", float64(o.TookMs)/1000)
	if o.Result != api.UpdateOutcomeResultConfirmed || o.From != before.Version || o.To != "next" || o.By != owner {
		t.Errorf("%+v", o)
	}
	running, other, _ := b.slots(t)
	if running.Version != "next" || running.State != api.UpdateSlotStateConfirmed || other.Version != before.Version || other.State != api.UpdateSlotStateConfirmed {
		t.Errorf("it runs %+v, in the other slot is %+v", running, other)
	}
}
