package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/internal/answer"
	"vigie/internal/api"
)

func code(err error) string {
	var p *answer.Problem
	if errors.As(err, &p) {
		return p.Detail.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// send offers an image and writes it.
func (r *rig) send(u *Updater, image []byte) (api.UpdateOffer, error) {
	r.t.Helper()
	o, err := u.Offer(r.parts(image))
	if err != nil {
		return o, err
	}
	return o, u.Write(context.Background(), o.ID, bytes.NewReader(image), int64(len(image)), "ann")
}

// TestARefusedUpdateChangesNothing: neither slot, nor any state.
func TestARefusedUpdateChangesNothing(t *testing.T) {
	r := newRig(t)
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		before := [][]byte{r.slot(layout.SlotA), r.slot(layout.SlotB), r.slot(layout.EFI)}
		u := r.boot("a")
		if _, err := u.Offer(r.parts(r.image("2", 2000))); code(err) != "no_disk" {
			t.Errorf("before the disk was read: %v", err)
		}
		r.running(u, func() {
			good := r.image("2", 2000)
			for name, c := range map[string]struct {
				parts []byte
				want  string
			}{
				"nothing":         {nil, "not_update"},
				"another file":    {bytes.Repeat([]byte("x"), 6000), "not_update"},
				"half a seal":     {r.parts(good)[:300], "not_update"},
				"another's key":   {r.parts(r.imageAs(systemimage.Manifest{Version: "2", BuiltS: 2000}, other)), "untrusted"},
				"older":           {r.parts(r.image("0", 999)), "older"},
				"another product": {r.parts(r.imageAs(systemimage.Manifest{Product: "fridge", Version: "2", BuiltS: 2000}, r.key)), "wrong_product"},
				"another machine": {r.parts(r.imageAs(systemimage.Manifest{Product: "vigie", Arch: "arm64", Version: "2", BuiltS: 2000}, r.key)), "wrong_architecture"},
			} {
				if _, err := u.Offer(c.parts); code(err) != c.want {
					t.Errorf("%s: %v, want %s", name, err, c.want)
				}
			}
			o, err := u.Offer(r.parts(good))
			if err != nil || o.Version != "2" || o.Notes != "Notes of 2" || o.Relation != api.UpdateOfferRelationNewer || !strings.Contains(o.Warning, "takes the place of version 1") {
				t.Fatalf("%+v, %v", o, err)
			}
			for name, c := range map[string]struct {
				id   string
				body []byte
				size int64
				want string
			}{
				"no offer":         {"x", good, int64(len(good)), "no_offer"},
				"another length":   {o.ID, good, int64(len(good)) - 4096, "damaged"},
				"another file":     {o.ID, bytes.Repeat([]byte("x"), len(good)), int64(len(good)), "damaged"},
				"nothing came":     {o.ID, nil, -1, "damaged"},
				"from another way": {o.ID, good[:50], int64(len(good)), "damaged"},
			} {
				if err := u.Write(t.Context(), c.id, bytes.NewReader(c.body), c.size, "ann"); code(err) != c.want {
					t.Errorf("%s: %v, want %s", name, err, c.want)
				}
			}
			if same, err := u.Offer(r.parts(r.image("1", 1000))); err != nil || same.Relation != api.UpdateOfferRelationSame || same.Warning != "This version runs already." {
				t.Errorf("the same: %+v, %v", same, err)
			}
			for name, c := range map[string]struct {
				try  api.UpdateTry
				want string
			}{
				"another version": {api.UpdateTry{Version: "2"}, "wrong_version"},
				"too short":       {api.UpdateTry{Version: "1", WithinSeconds: 5}, "bad_within"},
				"in the past":     {api.UpdateTry{Version: "1", AtMs: 5}, "bad_time"},
			} {
				if err := u.Try(t.Context(), c.try, "ann"); code(err) != c.want {
					t.Errorf("try %s: %v, want %s", name, err, c.want)
				}
			}
			if err := u.Cancel(); code(err) != "no_plan" {
				t.Errorf("cancel: %v", err)
			}
		})
		for i, role := range []layout.Role{layout.SlotA, layout.SlotB, layout.EFI} {
			if !bytes.Equal(before[i], r.slot(role)) {
				t.Errorf("%s was changed", role)
			}
		}
		if live := New(Config{}); live.State().Possible {
			t.Error("a machine in live mode can be updated")
		}
	})
}

// TestADamagedUpdateIsNobodys: what comes is not what was signed, or does not come whole. The slot that runs is untouched, and
// what is in the other one cannot be started.
func TestADamagedUpdateIsNobodys(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		u, running := r.boot("a"), r.slot(layout.SlotA)
		r.running(u, func() {
			good := r.image("2", 2000)
			flipped := bytes.Clone(good)
			flipped[50_000] ^= 1
			for name, body := range map[string]io.Reader{
				"a bit is another": bytes.NewReader(flipped), "it ends early": bytes.NewReader(good[:70_000]),
				"the line breaks": io.MultiReader(bytes.NewReader(good[:70_000]), iotest.ErrReader(io.ErrUnexpectedEOF)),
			} {
				o, err := u.Offer(r.parts(good))
				if err != nil {
					t.Fatal(err)
				}
				if err := u.Write(t.Context(), o.ID, body, int64(len(good)), "ann"); code(err) != "damaged" {
					t.Errorf("%s: %v", name, err)
				}
				s := u.State()
				if s.Slots[1].Version != "" || s.Slots[1].State != api.UpdateSlotStateEmpty || s.Writing.Status != api.UpdateWritingStatusFailed || s.Slots[0].State != api.UpdateSlotStateConfirmed {
					t.Errorf("%s: %+v", name, s)
				}
				if err := u.Try(t.Context(), api.UpdateTry{Version: "2"}, "ann"); code(err) != "empty" {
					t.Errorf("%s: try: %v", name, err)
				}
			}
			if !bytes.Equal(running, r.slot(layout.SlotA)) {
				t.Error("the slot that runs was changed")
			}
			if _, err := r.send(u, good); err != nil {
				t.Fatal(err)
			}
			if s := u.State(); s.Slots[1].Version != "2" || s.Slots[1].Relation != api.UpdateSlotRelationNewer || s.Writing.Status != api.UpdateWritingStatusDone {
				t.Errorf("%+v", s)
			}
			if !bytes.HasPrefix(r.slot(layout.SlotB), good) || r.states().First != "a" {
				t.Errorf("it is not in the slot, or starts already: %+v", r.states())
			}
		})
	})
}

// put writes a file of a volume.
func (r *rig) put(volume, name, text string) {
	r.t.Helper()
	name = filepath.Join(r.volumes[volume], "vigie", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.RemoveAll(name), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) get(volume, name string) string {
	b, err := os.ReadFile(filepath.Join(r.volumes[volume], "vigie", name))
	if err != nil {
		return ""
	}
	return string(b)
}

func TestAVersionThatWorksIsConfirmed(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		u := r.boot("a")
		r.put("data", "index/engine.1.snap", "before")
		r.running(u, func() {
			if _, err := r.send(u, r.image("2", 2000)); err != nil {
				t.Fatal(err)
			}
			if err := u.Try(t.Context(), api.UpdateTry{Version: "2"}, "ann"); err != nil {
				t.Fatal(err)
			}
		})
		if s := r.states(); s.First != "b" || s.B != loader.Trying || s.A != loader.Confirmed || r.restarted() != 1 {
			t.Fatalf("%+v, %d restarts", s, r.restarted())
		}
		r.count()
		u = r.boot("b")
		r.put("data", "index/engine.2.snap", "of the new version")
		r.change(func(s *Seen) { s.Cameras[0].State.Streams[0].Recordings[0].Recording = false })
		r.running(u, func() {
			time.Sleep(2 * steady)
			s := u.State()
			if s.Trial.Version != "2" || s.Trial.From != "1" || !strings.HasPrefix(s.Trial.Problem, "1 of 2 cameras") {
				t.Errorf("on trial: %+v", s.Trial)
			}
			if _, err := r.send(u, r.image("3", 3000)); code(err) != "trial" {
				t.Errorf("the way back is overwritten: %v", err)
			}
			if err := u.Try(t.Context(), api.UpdateTry{Version: "1"}, "ann"); code(err) != "trial" {
				t.Errorf("a trial during a trial: %v", err)
			}
			r.change(func(s *Seen) { s.Cameras[0] = recorded("c1") })
			time.Sleep(steady / 2)
			if r.states().B != loader.Trying {
				t.Error("it is confirmed at once")
			}
			time.Sleep(steady)
			s = u.State()
			if len(s.History) != 1 || s.History[0].Result != api.UpdateOutcomeResultConfirmed || s.History[0].To != "2" || s.History[0].By != "ann" || s.History[0].TookMs < steady.Milliseconds() || s.Trial.Version != "" {
				t.Errorf("%+v", s)
			}
		})
		if s := r.states(); s.First != "b" || s.B != loader.Confirmed || s.A != loader.Confirmed || r.restarted() != 1 {
			t.Errorf("%+v, %d restarts", s, r.restarted())
		}
		if r.get("data", "index/engine.2.snap") != "of the new version" || r.get("data", "before/trial.json") != "" {
			t.Error("settings were put back, or are still kept")
		}
		// And back, by hand.
		u = r.boot("b")
		r.running(u, func() {
			if _, err := u.Offer(r.parts(r.image("1", 1000))); code(err) != "older" {
				t.Errorf("an older one: %v", err)
			}
			if err := u.Try(t.Context(), api.UpdateTry{Version: "1"}, "ann"); err != nil {
				t.Fatal(err)
			}
		})
		r.count()
		u = r.boot("a")
		r.running(u, func() { time.Sleep(2 * steady) })
		if s := r.states(); s.First != "a" || s.A != loader.Confirmed || len(u.State().History) != 2 {
			t.Errorf("%+v, %+v", s, u.State().History)
		}
	})
}

// TestAVersionThatDoesNotWorkGivesWayAndSettingsAreThoseOfBefore: it gives up by itself, or never comes so far.
func TestAVersionThatDoesNotWorkGivesWayAndSettingsAreThoseOfBefore(t *testing.T) {
	for name, hangs := range map[string]bool{"it says why": false, "it never comes up": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			synctest.Test(t, func(t *testing.T) {
				r.t = t
				u := r.boot("a")
				for _, v := range []string{"state", "data"} {
					r.put(v, "accounts/web.1.snap", "before")
					r.put(v, "machine/config.json", "before")
				}
				r.running(u, func() {
					if _, err := r.send(u, r.image("2", 2000)); err != nil {
						t.Fatal(err)
					}
					if err := u.Try(t.Context(), api.UpdateTry{Version: "2", WithinSeconds: 90}, "ann"); err != nil {
						t.Fatal(err)
					}
				})
				for range map[bool]int{false: 1, true: 3}[hangs] {
					r.count()
				}
				if !hangs {
					u = r.boot("b")
					for _, v := range []string{"state", "data"} {
						r.put(v, "accounts/web.2.snap", "later")
						r.put(v, "machine/config.json", "later")
					}
					r.change(func(s *Seen) {
						s.Services[1].Status, s.Services[1].Reason = api.ServiceStatusBackoff, "It ended with 2."
					})
					r.running(u, func() {
						time.Sleep(80 * time.Second)
						if r.restarted() != 1 {
							t.Error("it gives up too early")
						}
						time.Sleep(20 * time.Second)
					})
					if r.restarted() < 2 || r.states().B != loader.Bad {
						t.Errorf("%d restarts, %+v", r.restarted(), r.states())
					}
				}
				u = r.boot("a")
				for _, v := range []string{"state", "data"} {
					if got := r.get(v, "accounts/web.1.snap") + r.get(v, "accounts/web.2.snap") + r.get(v, "machine/config.json"); got != "beforebefore" {
						t.Errorf("%s has %q", v, got)
					}
				}
				want := "The service engine is backoff. It ended with 2."
				if hangs {
					want = "It was started 3 times, and did not come so far as to say what is wrong."
				}
				r.running(u, func() {
					s := u.State()
					if len(s.History) != 1 || s.History[0].Result != api.UpdateOutcomeResultReturned || s.History[0].Reason != want || s.History[0].From != "1" || s.History[0].To != "2" {
						t.Errorf("%+v", s.History)
					}
					if s.Slots[1].State != api.UpdateSlotStateBad {
						t.Errorf("%+v", s.Slots)
					}
					if o, err := u.Offer(r.parts(r.image("2", 2000))); err != nil || !strings.Contains(o.Warning, "did not work") {
						t.Errorf("it is offered again: %+v, %v", o, err)
					}
				})
				if s := r.states(); s.First != "a" || s.A != loader.Confirmed || s.B != loader.Bad {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestAPlanIsCarriedOutAtItsTimeOrNoted(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		u := r.boot("a")
		r.running(u, func() {
			if _, err := r.send(u, r.image("2", 2000)); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(time.Hour)
			if err := u.Try(t.Context(), api.UpdateTry{Version: "2", AtMs: at.UnixMilli()}, "ann"); err != nil {
				t.Fatal(err)
			}
			if err := u.Cancel(); err != nil || u.State().Planned.Version != "" {
				t.Errorf("cancelled: %v, %+v", err, u.State().Planned)
			}
			if err := u.Try(t.Context(), api.UpdateTry{Version: "2", AtMs: at.UnixMilli()}, "ann"); err != nil {
				t.Fatal(err)
			}
		})
		u = r.boot("a") // restarted meanwhile
		r.running(u, func() {
			if p := u.State().Planned; p.Version != "2" || p.By != "ann" {
				t.Errorf("%+v", p)
			}
			time.Sleep(time.Hour - time.Minute)
			if r.restarted() != 0 {
				t.Error("too early")
			}
			time.Sleep(2 * time.Minute)
		})
		if r.restarted() != 1 || r.states().OnTrial() != "b" {
			t.Errorf("%d restarts, %+v", r.restarted(), r.states())
		}
		r.count()
		u = r.boot("b")
		r.running(u, func() {
			time.Sleep(2 * steady)
			if err := u.Try(t.Context(), api.UpdateTry{Version: "1", AtMs: time.Now().Add(time.Minute).UnixMilli()}, "ann"); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(2 * time.Hour)
		u = r.boot("b")
		r.running(u, func() {
			if h := u.State().History; len(h) != 2 || h[0].Result != api.UpdateOutcomeResultMissed || u.State().Planned.Version != "" {
				t.Errorf("%+v", u.State())
			}
		})
		if r.restarted() != 1 {
			t.Error("it restarts after its time")
		}
	})
}

func TestAnUpdateIsFoundOnAUSBDisk(t *testing.T) {
	r := newRig(t)
	stick := filepath.Join(r.run, "stick")
	good := r.image("2", 2000)
	flipped := bytes.Clone(good)
	flipped[50_000] ^= 1
	for name, b := range map[string][]byte{"older.img": r.image("0", 1), "new.img": good, "newest.IMG": r.image("3", 3000), "noise.img": bytes.Repeat([]byte("x"), 9000), "flipped.img": flipped, "notes.txt": nil} {
		if err := errors.Join(os.MkdirAll(stick, 0o755), os.WriteFile(filepath.Join(stick, name), b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(r.disk, filepath.Join(stick, "link.img")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		u := r.boot("a")
		r.running(u, func() {
			if _, err := u.Find(t.Context(), "other"); err == nil {
				t.Error("a disk that is not there")
			}
			found, err := u.Find(t.Context(), "stick")
			if err != nil || len(found) != 3 || found[0].File != "newest.IMG" {
				t.Fatalf("%+v, %v", found, err)
			}
			before := r.slot(layout.SlotB)
			copied := func(file string) api.UpdateWriting {
				t.Helper()
				for _, o := range found {
					if o.File == file {
						if err := u.Copy(t.Context(), o.ID, "ann"); err != nil {
							t.Fatal(err)
						}
					}
				}
				synctest.Wait()
				return u.State().Writing
			}
			if w := copied("flipped.img"); w.Status != api.UpdateWritingStatusFailed || !bytes.Equal(before, r.slot(layout.SlotB)) {
				t.Errorf("damaged: %+v", w)
			}
			if w := copied("new.img"); w.Status != api.UpdateWritingStatusDone || !bytes.HasPrefix(r.slot(layout.SlotB), good) {
				t.Errorf("%+v", w)
			}
			for _, name := range []string{"new.img", "newest.IMG", "flipped.img"} {
				if err := os.Remove(filepath.Join(stick, name)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := u.Find(t.Context(), "stick"); code(err) != "older" && code(err) != "not_update" {
				t.Errorf("nothing good: %v", err)
			}
		})
	})
}

func TestAMachineThatDoesNotRestartStaysAsItWas(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		r.t = t
		u := r.boot("a")
		r.refuse = errors.New("no")
		r.running(u, func() {
			if err := u.Try(t.Context(), api.UpdateTry{Version: "1"}, "ann"); err == nil {
				t.Error("no error")
			}
		})
		if s := r.states(); s.First != "a" || s.A != loader.Confirmed || s.B != loader.Confirmed || u.known().Trial != nil {
			t.Errorf("%+v, %+v", s, u.known())
		}
	})
}
