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

// TestTheExamplesWork runs every command of the pages, in order and in one shell each.
func TestTheExamplesWork(t *testing.T) {
	for _, c := range []struct {
		page  string
		said  string // by the last of them
		makes []string
	}{
		{"EXAMPLES.md", "true", []string{"segment.mkv", "picture.jpg", "same.jpg", "footage.mp4"}},
		{"EXPORTS.md", "vigie.json: genuine", []string{"export.zip"}},
	} {
		t.Run(c.page, func(t *testing.T) { runExamples(t, c.page, c.said, c.makes) })
	}
}

func runExamples(t *testing.T, page, said string, makes []string) {
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
	doc, err := os.ReadFile(page)
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
	fmt.Fprintf(&script, "set -euo pipefail\ncurl() { command curl --unix-socket %q \"$@\"; }\nvigie() { VIGIE_TEST_AS_VERIFY=1 %q \"$@\"; }\n", e.socket, self)
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "VIGIE=http://engine/v1", "CAMERA="+id, fmt.Sprintf("FROM=%d", from), fmt.Sprintf("TO=%d", from+1500), fmt.Sprintf("AT=%d", from+700))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), said) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range makes {
		if st, err := os.Stat(filepath.Join(cmd.Dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
