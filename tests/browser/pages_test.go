//go:build whole

package browser

import (
	"net"
	"testing"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// pageTask is the argument of relay.mjs, hosts.mjs, volumes.mjs and users.mjs.
type pageTask struct {
	stage
	Camera string `json:"camera"` // id
	Other  string `json:"other"`  // id of another one
	Port   int    `json:"port"`   // free, for RTSP
}

// TestPages: the relay is switched on, gets an account, shows its reader and disconnects it; hosts are watched, and one
// does not answer; of two volumes one is retired and a camera pinned; a user with fewer rights finds fewer pages, and the
// one of two cameras that is his.
func TestPages(t *testing.T) {
	server := camerasBy(t, rtspcam.Transports{}, rtspcam.Config{ID: "gate",
		Video: &content.Video{Codec: content.H264, Width: 480, Height: 360, FPS: 10, GOP: 10, Bitrate: 700_000, Label: "GATE", Camera: 3}})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	b := open(t, "pages", stack.Config{Volumes: []string{"second"}}, nil)
	b.setUp(t)
	gate := b.add(t, api.CameraRequest{Name: "Gate", URL: server.URL(server.Camera("gate"))})
	job := pageTask{stage: b.stage, Camera: gate.ID, Port: port}
	follow(t, "relay.mjs", job)
	follow(t, "hosts.mjs", job)
	follow(t, "volumes.mjs", job)
	job.Other = b.add(t, api.CameraRequest{Name: "Yard", URL: server.URL(server.Camera("gate"))}).ID
	follow(t, "users.mjs", job)
}
