//go:build whole

package browser

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/stack"
)

const (
	owner    = "owner"
	password = "correct horse battery"
)

// stage is what every script is told.
type stage struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	Shots    string `json:"shots"` // folder for screenshots
	Node     string `json:"node"`  // folder with playwright-core
}

// box is an appliance that runs on this machine, with one volume, until the test ends.
type box struct {
	*stack.Stack
	stage
	dir    string
	code   string            // of the first set-up
	client *appliance.Client // logged in once setUp was called
}

// root is the source tree.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// open starts a box. Its screenshots go to build/shots/NAME; prepare, if any, may write to its volume before. cfg.Volumes are
// names of further volumes.
func open(t *testing.T, name string, cfg stack.Config, prepare func(volume string) error) *box {
	t.Helper()
	shots := filepath.Join(root(t), "build", "shots", name)
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	volume := filepath.Join(dir, "volume")
	volumes := []string{volume}
	for _, name := range cfg.Volumes {
		volumes = append(volumes, filepath.Join(dir, name))
	}
	cfg.Binary, cfg.Dir, cfg.Volumes = filepath.Join(dir, "vigie"), dir, volumes
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	err = errors.Join(os.RemoveAll(shots), os.MkdirAll(shots, 0o755), stack.Build(t.Context(), root(t), cfg.Binary))
	for _, v := range volumes {
		err = errors.Join(err, os.Mkdir(v, 0o755))
	}
	if err == nil && prepare != nil {
		err = prepare(volume)
	}
	if err != nil {
		t.Fatal(err)
	}
	services, err := stack.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, name := range []string{stack.System, stack.Engine, stack.Web} {
				text, _ := os.ReadFile(services.Log(name))
				t.Logf("the log of %s ends with:\n%s", name, text[max(0, len(text)-4000):])
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	greeting, err := services.Greeting(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{Stack: services, dir: dir, code: greeting.SetupCode, stage: stage{URL: greeting.URL, Username: owner, Password: password, Shots: shots, Node: filepath.Join(root(t), "services/web/ui")}}
	if b.client, err = appliance.NewClient(greeting.URL, greeting.Fingerprint); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	return b
}

// setUp makes the owner, and logs in.
func (b *box) setUp(t *testing.T) {
	t.Helper()
	if err := b.client.SetUp(t.Context(), b.code, owner, password); err != nil {
		t.Fatal(err)
	}
}

// add adds a camera.
func (b *box) add(t *testing.T, request api.CameraRequest) (added api.Camera) {
	t.Helper()
	request.Enabled = true
	if err := b.client.Call(t.Context(), "POST", "/cameras", request, &added); err != nil {
		t.Fatal(err)
	}
	return added
}
