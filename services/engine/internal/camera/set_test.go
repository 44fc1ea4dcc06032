package camera

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
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
