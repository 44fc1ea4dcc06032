//go:build whole

package machine

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// TestRecordingsGoToAUSBStick: one from a shop, which is pulled while it is written to, plugged in again, and ejected; what
// is on it then is whole.
func TestRecordingsGoToAUSBStick(t *testing.T) {
	b := open(t, site.Config{Firmware: vm.BIOS, Image: "vigie.vdi", Medium: vm.Fixed, DiskBytes: []int64{2 << 30}, Cameras: []rtspcam.Config{
		{ID: "gate", Video: video(content.H264, 1, 2_000_000)},
	}})
	b.boot(t)
	b.setUp(t)
	b.recording(t)
	stick := filepath.Join(t.TempDir(), "stick.img")
	run(t, "truncate", "-s", "128M", stick)
	run(t, "mkfs.vfat", "-F", "32", "-n", "STICK", stick)
	b.footage(t, b.cameras["gate"], time.UnixMilli(1))
	begin := time.UnixMilli(b.firstMs(t)["gate"])
	b.footage(t, b.cameras["gate"], begin.Add(12*time.Second))

	// Slow enough to be pulled in mid-file.
	if err := b.VM.PlugStick(t.Context(), "stick", stick, 100_000); err != nil {
		t.Fatal(err)
	}
	var m api.Medium
	b.until(t, said, "the stick is there", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		if err == nil && len(s.Media) == 1 {
			m = s.Media[0]
		}
		return met(m.Status == api.MediumStatusPresent, err, s.Media)
	})
	if m.Name != "STICK" || m.Filesystem != "FAT" || m.FileLimitBytes != 1<<32-1 {
		t.Errorf("the stick is said to be %+v", m)
	}
	var x api.Export
	ask := api.ExportRequest{Cameras: []string{b.cameras["gate"]}, FromMs: begin.UnixMilli(), ToMs: begin.UnixMilli() + 12_000, Medium: m.ID}
	if err := b.Call(t.Context(), http.MethodPost, "/exports", ask, &x); err != nil {
		t.Fatal(err)
	}
	export := func(what string, limit time.Duration, ok func() bool) {
		t.Helper()
		b.until(t, limit, what, func(ctx context.Context) (bool, error) {
			err := b.Call(ctx, http.MethodGet, "/exports/"+x.ID, nil, &x)
			return met(err == nil && ok(), err, x)
		})
	}
	export("the export is being written", said, func() bool { return x.Status == api.ExportStatusRunning && x.DoneBytes > 0 })
	if err := b.Call(t.Context(), http.MethodPost, "/media/"+m.ID+"/eject", nil, nil); err == nil || !strings.Contains(err.Error(), "being written") {
		t.Errorf("ejected while it is written to: %v", err)
	}
	if err := b.VM.PullStick(t.Context(), "stick"); err != nil {
		t.Fatal(err)
	}
	export("it is said that the stick is gone", time.Minute, func() bool {
		return x.Status == api.ExportStatusWaiting && strings.Contains(x.Message, "STICK")
	})
	t.Logf("pulled: %s", x.Message)
	if err := b.VM.PlugStick(t.Context(), "stick", stick, 0); err != nil {
		t.Fatal(err)
	}
	export("the export is on the stick", time.Minute, func() bool { return x.Status == api.ExportStatusDone })
	if err := b.Call(t.Context(), http.MethodPost, "/media/"+m.ID+"/eject", nil, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, said, "the stick may be pulled", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		return met(!slices.ContainsFunc(s.Media, func(m api.Medium) bool { return m.Status != api.MediumStatusEjected }), err, s.Media)
	})
	if err := b.VM.PullStick(t.Context(), "stick"); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	run(t, "mcopy", "-s", "-n", "-i", stick, "::Vigie exports", dir)
	folder := filepath.Join(dir, "Vigie exports", x.Medium.Folder)
	run(t, "sh", "-c", `cd "$1" && sha256sum -c --quiet SHA256SUMS`, "sh", folder)
	run(t, "ffmpeg", "-v", "error", "-xerror", "-i", filepath.Join(folder, x.Files[0].Name), "-f", "null", "-")
	b.powerOff(t)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil || len(out) > 0 && name == "ffmpeg" {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
