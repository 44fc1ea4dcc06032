package ingest

import (
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// inside tells the test that it runs in a network namespace of its own.
const inside = "VIGIE_TEST_MULTICAST"

// TestMulticastBringsEveryFrameOnce runs itself anew in a network namespace whose one interface leads nowhere: multicast
// must leave no test.
func TestMulticastBringsEveryFrameOnce(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMulticastBringsEveryFrameOnce$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const address = "10.98.0.1"
	up(t, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cameras"}, PeerName: "far"}, address+"/24")
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := rtspcam.New(t.Context(), slog.New(slog.DiscardHandler), store, ledger.New(nil), rtspcam.Config{
		ID:    "cam1",
		Video: &content.Video{Codec: content.H264, Width: 320, Height: 200, FPS: 25, GOP: 25, Bitrate: 1_500_000, Label: "CAM 1", Camera: 1},
		Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Transports = rtspcam.Transports{Multicast: "239.192.0.0/24"}
	if err := s.Open(address + ":0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cam := s.Camera("cam1")
	first := start(t, s.URL(cam), func(i *Ingest) { i.ways = waysTo(s.URL(cam), api.TransportMulticast) })
	second := start(t, s.URL(cam), func(i *Ingest) { i.ways = waysTo(s.URL(cam), api.TransportMulticast) })
	for _, r := range []*rig{first, second} {
		got := r.frames(t, videoFrames(60))
		checkOrder(t, got)
		everyFrameOnce(t, cam, got)
		if len(ofTrack(got, 1)) < 40 {
			t.Errorf("%d frames of sound", len(ofTrack(got, 1)))
		}
		if s := r.Stream(); s.Transport != "multicast" || s.LostFrames != 0 || s.Status != api.StreamStateStatusLive {
			t.Errorf("state %+v", s)
		}
	}
}

// up makes an interface with an address, and sets it and its peer up.
func up(t *testing.T, link *netlink.Veth, address string) {
	t.Helper()
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lo", link.Name, link.PeerName} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
	}
	a, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		t.Fatal(err)
	}
}
