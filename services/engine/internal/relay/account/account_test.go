package account

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/login"
)

func open(t *testing.T, path, volume string) (*mirror.DB, *Book) {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: path, Name: "engine", Log: slog.New(slog.DiscardHandler)}, []mirror.Dir{{ID: "v", Path: volume}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return db, b
}

func TestAccountsAndSettingsOutliveTheProcess(t *testing.T) {
	volume := t.TempDir()
	db, b := open(t, filepath.Join(t.TempDir(), "db"), volume)
	if s := b.Settings(); s.Enabled || s.RtspPort != 554 || checkSettings(s) != nil {
		t.Errorf("what nobody has set: %+v", s)
	}
	told := 0
	b.OnChange(func() { told++ })
	now := time.Now()
	a, err := b.Add(api.RelayAccountRequest{Name: "wall", Cameras: []string{"b", "a", "b"}, Live: true, MaxReaders: 3, UntilMs: now.Add(time.Hour).UnixMilli()}, now)
	if err != nil {
		t.Fatal(err)
	}
	s := b.Settings()
	s.Enabled, s.RtspPort = true, 8554
	if err := b.SetSettings(s); err != nil {
		t.Fatal(err)
	}
	made := 0
	fresh := func() ([]byte, error) { made++; return []byte("certificate"), nil }
	for range 2 {
		if c, err := b.Certificate(fresh); err != nil || string(c) != "certificate" {
			t.Errorf("%q, %v", c, err)
		}
	}
	if told != 2 || made != 1 {
		t.Errorf("told %d times, certificate made %d times", told, made)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, b = open(t, filepath.Join(t.TempDir(), "db"), volume)
	defer db.Close()
	row := b.Account("wall")
	if b.Settings() != s || row == nil || row.Secret != login.NewSecret("wall", Realm, a.Password) || len(row.Cameras) != 2 {
		t.Fatalf("%+v, %+v", b.Settings(), row)
	}
	for _, c := range []struct {
		camera     string
		recordings bool
		at         time.Time
		want       bool
	}{{"a", false, now, true}, {"c", false, now, false}, {"a", true, now, false}, {"a", false, now.Add(2 * time.Hour), false}} {
		if got := row.May(c.camera, c.recordings, c.at); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if err := b.Delete(row.ID); err != nil || b.Account("wall") != nil {
		t.Errorf("deleted: %v", err)
	}
}

func TestBadSettingsChangeNothing(t *testing.T) {
	db, b := open(t, filepath.Join(t.TempDir(), "db"), t.TempDir())
	defer db.Close()
	for field, change := range map[string]func(*api.RelaySettings){
		"rtspPort":       func(s *api.RelaySettings) { s.RtspPort = 65536 },
		"rtspsPort":      func(s *api.RelaySettings) { s.RtspsPort = s.RtspPort },
		"multicastRange": func(s *api.RelaySettings) { s.MulticastRange = "224.0.0.0/24" },
		"multicastPort":  func(s *api.RelaySettings) { s.MulticastPort = 65534 },
		"maxReaders":     func(s *api.RelaySettings) { s.MaxReaders = 1001 },
	} {
		s := b.Settings()
		s.Enabled = true
		change(&s)
		p := new(answer.Problem)
		if err := b.SetSettings(s); !errors.As(err, &p) || p.Detail.Field != field || b.Settings().Enabled {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestWrongPasswordsAreBoundedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a Attempts
		one, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		for range maxWrong {
			if !a.Allowed(one, time.Now()) {
				t.Fatal("refused too early")
			}
			a.Wrong(one, time.Now())
		}
		if a.Allowed(one, time.Now()) || a.Allowed(netip.MustParseAddr("::ffff:10.0.0.1"), time.Now()) || !a.Allowed(other, time.Now()) {
			t.Error("the wrong ones are refused")
		}
		time.Sleep(wrongWithin)
		if !a.Allowed(one, time.Now()) {
			t.Error("refused for ever")
		}
		for i := range 2 * maxHosts {
			a.Wrong(netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::1", i)), time.Now())
		}
		if len(a.hosts) > maxHosts {
			t.Errorf("%d addresses are remembered", len(a.hosts))
		}
		net := netip.MustParseAddr("2001:db9::1")
		for range maxWrong {
			a.Wrong(net, time.Now())
			net = net.Next()
		}
		if a.Allowed(net, time.Now()) {
			t.Error("a network has as many tries as addresses")
		}
	})
}
