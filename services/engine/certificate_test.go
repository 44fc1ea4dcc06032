package engine

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	sent "vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// TestACertificateThatChangesIsRefusedUntilAPersonAcceptsIt: a camera that is recorded shows another one from one moment to
// the next. It is said with its cause, no session is begun, and another key than the one that it shows helps nothing.
func TestACertificateThatChangesIsRefusedUntilAPersonAcceptsIt(t *testing.T) {
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	server, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, sent.New(nil), rtspcam.Config{ID: "cam1",
		Video: &content.Video{Codec: content.H264, Width: 320, Height: 200, FPS: 25, GOP: 25, Bitrate: 1_500_000, Label: "CAM 1", Camera: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if server.Transports.TLS, err = rtspcam.SelfSigned(); err != nil {
		t.Fatal(err)
	}
	if err := server.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	room := newMachineRoom(t)
	room.mount(volume(t, "v1"))
	e := start(t, room)
	id := e.add("Gate", server.URL(server.Camera("cam1")))
	recorded := func(after time.Time) func() bool {
		return func() bool {
			s := e.timeline(id).Segments
			return len(s) > 0 && s[len(s)-1].EndMs > after.UnixMilli()+1000
		}
	}
	e.eventually("it is recorded", recorded(time.Now()))
	first := e.camera(id).Certificate
	if len(first) != 64 {
		t.Fatalf("known by %q", first)
	}

	other, err := rtspcam.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	server.SetCertificate(other)
	refused := func() bool {
		c := e.camera(id)
		return c.State.Status == api.CameraStateStatusOffline && c.State.Code == "certificate_changed"
	}
	e.eventually("the other certificate is refused", refused)
	c := e.camera(id)
	shown := c.State.Streams[0].Certificate
	if c.Certificate != first || len(shown) != 64 || shown == first || !strings.Contains(c.State.Reason, "certificate") || c.State.Streams[0].Code != "certificate_changed" {
		t.Errorf("known by %q, shows %q: %+v", c.Certificate, shown, c.State)
	}
	put := func(certificate string) string {
		return fmt.Sprintf(`{"name":"Gate","url":%q,"enabled":true,"certificate":%q}`, c.URL, certificate)
	}
	e.do("putCamera", "PUT", "/v1/cameras/"+id, put("what it shows"), 400, `"certificate"`)
	e.do("putCamera", "PUT", "/v1/cameras/"+id, put(strings.Repeat("a1", 32)), 200, "a1a1") // a third one's
	e.eventually("it is refused as before", func() bool { return refused() && e.camera(id).State.Streams[0].Certificate == shown })
	if got := server.Camera("cam1").Readers(); got != 0 {
		t.Errorf("%d sessions", got)
	}
	e.do("putCamera", "PUT", "/v1/cameras/"+id, put(shown), 200, shown)
	accepted := time.Now()
	e.eventually("it is recorded again", recorded(accepted))
	if c := e.camera(id); c.Certificate != shown || c.State.Status != api.CameraStateStatusLive || c.State.Streams[0].Certificate != "" {
		t.Errorf("known by %q: %+v", c.Certificate, c.State)
	}
	var lost int64
	for _, g := range e.timeline(id).Gaps {
		if g.Cause == api.GapCauseNetwork {
			lost += g.EndMs - g.StartMs
		}
	}
	if was := accepted.Sub(changed).Milliseconds(); lost < was-2000 || lost > was+3000 {
		t.Errorf("the ledger tells of %d ms, it was out for %d", lost, was)
	}
}
