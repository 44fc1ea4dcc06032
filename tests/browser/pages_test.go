//go:build whole

package browser

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// pageTask is the argument of relay.mjs and hosts.mjs.
type pageTask struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	Camera   string `json:"camera"` // id
	Port     int    `json:"port"`   // free, for RTSP
	Shots    string `json:"shots"`
	Node     string `json:"node"`
}

// TestPages: the relay is switched on, gets an account, shows its reader and disconnects it; hosts are watched, and one
// does not answer.
func TestPages(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	shots := filepath.Join(root, "build", "shots", "pages")
	if err := errors.Join(os.RemoveAll(shots), os.MkdirAll(shots, 0o755)); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, volume := filepath.Join(dir, "vigie"), filepath.Join(dir, "volume")
	if err := errors.Join(stack.Build(t.Context(), root, binary), os.Mkdir(volume, 0o755)); err != nil {
		t.Fatal(err)
	}
	server := camerasBy(t, rtspcam.Transports{}, rtspcam.Config{ID: "gate",
		Video: &content.Video{Codec: content.H264, Width: 480, Height: 360, FPS: 10, GOP: 10, Bitrate: 700_000, Label: "GATE", Camera: 3}})
	services, err := stack.Start(t.Context(), stack.Config{Binary: binary, Dir: dir, Volumes: []string{volume}, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.Close(); err != nil {
			t.Error(err)
		}
	})
	greeting, err := services.Greeting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	job := pageTask{URL: greeting.URL, Username: "owner", Password: "correct horse battery", Port: free.Addr().(*net.TCPAddr).Port, Shots: shots, Node: filepath.Join(root, "services/web/ui")}
	free.Close()
	client, err := appliance.NewClient(greeting.URL, greeting.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SetUp(t.Context(), greeting.SetupCode, job.Username, job.Password); err != nil {
		t.Fatal(err)
	}
	var added api.Camera
	if err := client.Call(t.Context(), "POST", "/cameras", api.CameraRequest{Name: "Gate", URL: server.URL(server.Camera("gate")), Enabled: true}, &added); err != nil {
		t.Fatal(err)
	}
	job.Camera = added.ID
	follow(t, "relay.mjs", job)
	follow(t, "hosts.mjs", job)
}
