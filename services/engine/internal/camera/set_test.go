package camera

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/trigger"
)

func TestWhatIsPromisedIsKnownBeforeTheCamerasStart(t *testing.T) {
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := NewStore(db)
	promised := api.Retention{StandardDays: 20, StandardMinDays: 10}
	row, err := New(api.CameraRequest{Name: "Door", URL: "rtsp://10.0.0.1/1", Retention: &promised}, time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Add(row); err != nil {
		t.Fatal(err)
	}
	s := NewSet(Config{Store: store, Log: slog.New(slog.DiscardHandler)})
	defer s.Stop(0)
	if got, setUp := s.Retention(row.ID); !setUp || got != (Retention{StandardDays: 20, StandardMinDays: 10}) {
		t.Errorf("%+v, %v", got, setUp)
	}
	if got, setUp := s.Retention("aaaaaaaa"); setUp || got != (Retention{}) {
		t.Errorf("of no camera: %+v, %v", got, setUp)
	}
}

// TestACameraFollowsTheVolumeThatTookItsOnesPlace: what it is pinned to has failed, and another disk got its name.
func TestACameraFollowsTheVolumeThatTookItsOnesPlace(t *testing.T) {
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := slog.New(slog.DiscardHandler)
	calendars, err := calendar.Open(db, log)
	if err != nil {
		t.Fatal(err)
	}
	triggers, err := trigger.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet(Config{Store: NewStore(db), Calendars: calendars, Triggers: triggers, Log: log, KnowsVolume: func(string) bool { return true }})
	defer s.Stop(0)
	ids := map[string]string{} // by what it is pinned to
	for _, volume := range []string{"old", "other", ""} {
		row, err := New(api.CameraRequest{Name: "Door " + volume, URL: "rtsp://10.0.0.1/1"}, time.UnixMilli(1))
		if err != nil {
			t.Fatal(err)
		}
		row.Enabled, row.Plan.Volume = false, volume
		if err := errors.Join(s.cfg.Store.Add(row), s.place(row)); err != nil {
			t.Fatal(err)
		}
		ids[volume] = row.ID
	}
	for range 2 {
		s.MovePins("old", "new")
	}
	for was, want := range map[string]string{"old": "new", "other": "other", "": ""} {
		row, err := s.cfg.Store.Get(ids[was])
		if got := s.Pinned(ids[was]); got != want || row.Plan.Volume != want || err != nil {
			t.Errorf("pinned to %q: now to %q, stored %q, %v", was, got, row.Plan.Volume, err)
		}
	}
}
