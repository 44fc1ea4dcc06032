package relay

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// inside tells a test that it runs in a network namespace of its own, where the relay has insideAddress.
const (
	inside        = "VIGIE_TEST_MULTICAST"
	insideAddress = "10.97.0.1"
)

// TestMulticastIsSentOnceForAllAndUntouched runs itself anew in a network namespace whose one interface leads nowhere:
// multicast must leave no test.
func TestMulticastIsSentOnceForAllAndUntouched(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMulticastIsSentOnceForAllAndUntouched$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	up(t)
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 30})
	cams := newCameras()
	s := serve(t, cams)
	_, password := s.account("viewer", nil)
	s.set(func(r *api.RelaySettings) { r.Multicast = true })
	frames := cameratest.Frames(time.Now(), v, cameratest.EncodeAudio(t, media.PCMA), 1000)
	pour(t, cams.ring, frames)
	one := ingested(t, s.url("viewer:"+password), api.TransportMulticast)
	other := ingested(t, s.url("viewer:"+password), api.TransportMulticast)
	compare(t, one, frames, 40)
	compare(t, other, frames, 40)
	s.mu.Lock()
	s.Server.mu.Lock()
	casters := len(s.casters)
	s.Server.mu.Unlock()
	s.mu.Unlock()
	if list := s.Readers(); casters != 1 || len(list) != 2 || list[0].Transport != api.RelayReaderTransportMulticast || list[0].Bytes == 0 {
		t.Errorf("%d senders for %+v", casters, list)
	}
	hashes(t, "v", 50, "-rtsp_transport", "udp_multicast", "-i", s.url("viewer:"+password))
	// Switched off, it ends.
	s.set(func(r *api.RelaySettings) { r.Multicast = false })
	s.eventually("nobody gets it by multicast any more", func() bool {
		s.Server.mu.Lock()
		defer s.Server.mu.Unlock()
		return len(s.casters) == 0
	})
	k := s.talk("viewer", password)
	k.want("461", "SETUP", s.url("")+"/trackID=0", "Transport: RTP/AVP;multicast")
}

// up makes an interface with an address, and a route for multicast.
func up(t *testing.T) {
	t.Helper()
	for _, args := range []string{"link set lo up", "link add relay type veth peer name far", "addr add " + insideAddress + "/24 dev relay", "link set relay up", "link set far up", "route add 224.0.0.0/4 dev relay"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
}
