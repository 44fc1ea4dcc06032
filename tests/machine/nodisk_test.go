//go:build whole

package machine

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/lab"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// TestMachineWithoutADiskShowsItsCameras starts from the kernel alone, with no disk at all, and an answer file on the command line: that is
// refused, for there is nothing to install on. It says that nothing can be recorded, and what to do; it is set up all the same, its
// camera is watched, and no service ends.
func TestMachineWithoutADiskShowsItsCameras(t *testing.T) {
	kernel, err := filepath.Abs("../../build/vmlinuz")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(answered, lab.MachineAt(0).Addr, lab.Host(), owner, "")
	text = strings.Replace(text, `"password": ""`, hashed, 1)
	b := openAsIs(t, site.Config{Firmware: vm.BIOS, Kernel: kernel, Initrd: filepath.Join(filepath.Dir(kernel), "initrd.img"),
		Line: "vigie.answer=" + base64.StdEncoding.EncodeToString([]byte(text)), Cameras: []rtspcam.Config{{ID: "gate", Video: video(content.H264, 1, 500_000)}}})
	b.boot(t)
	b.tells(t, time.Minute, `answer file: not used \(boot option vigie\.answer\): line 3: There is no disk to install on\.`)
	b.tells(t, time.Minute, `storage: no disk, so nothing can be recorded: put one in, at any time, and format it in the web admin`)
	b.setUp(t)
	id := b.cameras["gate"]
	b.until(t, time.Minute, "the camera is live, and it is said why it is not recorded", func(ctx context.Context) (bool, error) {
		list, err := b.Client.Cameras(ctx)
		if err != nil || len(list) != 1 {
			return false, err
		}
		s := list[0].State
		return met(s.Status == api.CameraStateStatusLive && !s.Recording && s.RecordingReason == "There is no data volume to record to. Connect a disk, or format one on the system page.", nil, s)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if err := b.Watch(ctx, id, 50); err != nil {
		t.Errorf("watching the camera: %v", err)
	}
	t.Logf("50 pictures of 15 a second came in %.1f s", time.Since(began).Seconds())
	r, err := b.Recording(t.Context())
	if err != nil || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "kept in memory only") }) || len(r.Volumes) > 0 {
		t.Errorf("recording %+v, %v", r, err)
	}
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Disks) > 0 || len(s.Volumes) > 0 || !s.StorageSettled {
		t.Errorf("disks %+v, volumes %+v, settled %v", s.Disks, s.Volumes, s.StorageSettled)
	}
	servicesAreWell(t, s)
	b.powerOff(t)
}
