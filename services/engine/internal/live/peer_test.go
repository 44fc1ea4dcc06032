package live

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

var offers = []struct {
	body string
	good bool
}{
	{`{"type":"offer","sdp":"v=0"}`, true},
	{`{"type":"offer","sdp":""}`, false},
	{`{"type":"answer","sdp":"v=0"}`, false},
	{`{"sdp":"v=0"}`, false},
	{`[]`, false},
	{``, false},
	{`{"type":"offer","sdp":"` + strings.Repeat("x", maxOffer+1) + `"}`, false},
}

func TestOffersAreRead(t *testing.T) {
	for _, c := range offers {
		if sdp, ok := readOffer([]byte(c.body)); ok != c.good || ok && sdp != "v=0" {
			t.Errorf("%.40s: %.20q %v", c.body, sdp, ok)
		}
	}
}

func FuzzOffer(f *testing.F) {
	for _, c := range offers {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if sdp, ok := readOffer(b); ok && (sdp == "" || len(sdp) > maxOffer) {
			t.Errorf("an offer of %d bytes passes", len(sdp))
		}
	})
}

// TestWebRTCIsRefusedInWords, and what is no offer ends the viewer.
func TestWebRTCIsRefusedInWords(t *testing.T) {
	c := &cameras{ring: ring.New(ring.Config{MaxBytes: 1 << 20}), state: fixed(api.CameraStateStatusLive)}
	l, url := serve(t, c)
	for _, f := range cameratest.Frames(time.Now(), cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.PCMA), 30) {
		c.ring.Push(f)
	}
	say := func(w *client, body string) error {
		t.Helper()
		if err := w.conn.Write(t.Context(), websocket.MessageText, []byte(body)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for {
			_, b, err := w.conn.Read(ctx)
			if err != nil {
				return err
			}
			var m api.LiveMessage
			if err := json.Unmarshal(b, &m); err != nil || m.Type != api.LiveMessageTypeRefused || !strings.Contains(m.Reason, "H.264") {
				t.Errorf("got %s", b)
			}
		}
	}
	if err := say(dial(t, url, "?media=webrtc"), `{"type":"offer","sdp":"v=0\r\n"}`); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("after a refusal: %v", err)
	}
	if err := say(dial(t, url, "?media=webrtc"), `{"type":"hello"}`); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after what is no offer: %v", err)
	}
	for end := time.Now().Add(10 * time.Second); l.Viewers() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("viewers stay")
		}
	}
}
