package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/relay/account"
)

func TestTheRelayGetsNoOtherServicesPorts(t *testing.T) {
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "index"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	book, err := account.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	var away error
	c := checkedRelay{book, func(_ context.Context, p api.RelayPorts) error {
		if !p.DryRun {
			t.Error("told, not asked")
		}
		if away != nil {
			return away
		}
		if slices.Contains(p.TCP, 2222) || slices.Contains(p.UDP, 5353) {
			return &ask.Error{Status: 400, Detail: api.Error{Field: "tcp", Message: "It is taken."}}
		}
		return nil
	}}
	good := book.Settings()
	good.Enabled, good.RtspPort, good.TLS, good.RtspsPort, good.Multicast = true, 8554, true, 8322, true
	for field, change := range map[string]func(*api.RelaySettings){
		"rtspPort":      func(s *api.RelaySettings) { s.RtspPort = 2222 },
		"rtspsPort":     func(s *api.RelaySettings) { s.RtspsPort = 2222 },
		"multicastPort": func(s *api.RelaySettings) { s.MulticastPort = 5352 },
	} {
		s := good
		change(&s)
		var p *answer.Problem
		if err := c.SetSettings(s); !errors.As(err, &p) || p.Detail.Field != field || p.Detail.Message != "It is taken." || book.Settings().Enabled {
			t.Errorf("%s: %v, %+v", field, err, book.Settings())
		}
	}
	if err := c.SetSettings(good); err != nil || book.Settings().RtspPort != 8554 {
		t.Error(err)
	}
	off := good
	off.Enabled, off.RtspPort = false, 2222
	if err := c.SetSettings(off); err != nil {
		t.Errorf("switched off: %v", err)
	}
	away = errors.New("no such file")
	if err := c.SetSettings(good); err != nil {
		t.Errorf("while the system service does not answer: %v", err)
	}
}
