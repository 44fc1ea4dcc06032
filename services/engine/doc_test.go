package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vigie/services/engine/internal/cameratest"
)

// asVerify makes this program "vigie verify", which the examples call; it returns when it is a test.
func asVerify() {
	if os.Getenv("VIGIE_TEST_AS_VERIFY") == "" {
		return
	}
	if err := Verify(context.Background(), os.Args[2:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestTheExamplesOfExportsWork runs every command of EXPORTS.md, in order and in one shell.
func TestTheExamplesOfExportsWork(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	room.mount(volume(t, "v1"))
	e := start(t, room)
	id := e.add("Door", cam.URL)
	e.eventually("two seconds are recorded", func() bool {
		s := e.timeline(id).Segments
		return len(s) > 0 && s[0].EndMs-s[0].StartMs > 2500
	})
	from := e.timeline(id).Segments[0].StartMs
	doc, err := os.ReadFile("EXPORTS.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d examples", len(blocks))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "set -eu\ncurl() { command curl --unix-socket %q \"$@\"; }\nvigie() { VIGIE_TEST_AS_VERIFY=1 %q \"$@\"; }\n", e.socket, self)
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "VIGIE=http://engine/v1", "CAMERA="+id, fmt.Sprintf("FROM=%d", from), fmt.Sprintf("TO=%d", from+1500))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "vigie.json: genuine") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(cmd.Dir, "export.zip")); err != nil {
		t.Error(err)
	}
}
