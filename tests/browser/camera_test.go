//go:build whole

package browser

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// cameraTask is camera.mjs's argument.
type cameraTask struct {
	stage
	Camera   string `json:"camera"`   // id
	Replaced string `json:"replaced"` // asking for this address gives the camera another certificate
}

// TestCameraPage: what the page of a camera says of one that offers more than can be recorded, and that shows another
// certificate while it is recorded.
func TestCameraPage(t *testing.T) {
	server := camerasBy(t, rtspcam.Transports{TLS: selfSigned(t)}, rtspcam.Config{ID: "gate", Quirks: rtspcam.Quirks{SDP: "sdp-strange-medias"},
		Video: &content.Video{Codec: content.H264, Width: 480, Height: 360, FPS: 10, GOP: 10, Bitrate: 700_000, Label: "GATE", Camera: 3},
		Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}})
	workshop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		server.SetCertificate(selfSigned(t))
	}))
	t.Cleanup(workshop.Close)
	b := open(t, "camera", stack.Config{}, nil)
	b.setUp(t)
	gate := b.add(t, api.CameraRequest{Name: "Gate", URL: server.URL(server.Camera("gate"))})
	follow(t, "camera.mjs", cameraTask{b.stage, gate.ID, workshop.URL})
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	c, err := rtspcam.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
