//go:build whole

package machine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/lab"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/site"
)

const (
	owner    = "owner"
	password = "correct horse battery"
)

// accel is how the machines of these tests are run.
var accel = sync.OnceValue(func() vm.Accel { return vm.Probe(context.Background(), "../../build/vmlinuz") })

// bench is a site under test, with what the test knows of it.
type bench struct {
	*site.Site
	*appliance.Client
	greeting appliance.Greeting
	cameras  map[string]string // id on the appliance by the camera's own
	nics     int
}

func open(t *testing.T, cfg site.Config) *bench {
	t.Helper()
	cfg.Options = append(cfg.Options, "vigie.format=blank")
	return openAsIs(t, cfg)
}

// openAsIs leaves blank disks blank.
func openAsIs(t *testing.T, cfg site.Config) *bench {
	t.Helper()
	image, err := filepath.Abs(filepath.Join("../../build", cmp.Or(cfg.Image, "vigie.iso")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(image); err != nil {
		t.Fatalf("%v: run `make image` first", err)
	}
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg.Dir, cfg.Image, cfg.Accel, cfg.Book = dir, image, accel(), ledger.New(nil)
	if cfg.Cameras == nil {
		cfg.Cameras = []rtspcam.Config{
			{ID: "avc", Video: video(content.H264, 1, 500_000), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}, User: "viewer", Pass: "geheim"},
			{ID: "hevc", Video: video(content.H265, 2, 500_000)},
		}
	}
	s, err := site.Open(t.Context(), slog.New(slog.DiscardHandler), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Site: s, cameras: make(map[string]string), nics: max(cfg.NICs, 1)}
	if cfg.Island {
		b.nics++
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		text, _ := os.ReadFile(s.ConsoleLog())
		keep(t, text)
		if t.Failed() {
			t.Logf("the console ends with:\n%s", text[max(0, len(text)-6000):])
		}
	})
	return b
}

// gop is the cameras' distance between keyframes.
const gop = time.Second

func video(codec string, n, bitrate int) *content.Video {
	return &content.Video{Codec: codec, Width: 320, Height: 240, FPS: 15, GOP: 15, Bitrate: bitrate, Label: fmt.Sprintf("CAM %d", n), Camera: n}
}

// keep leaves a console's log in build/ for people.
func keep(t *testing.T, text []byte) {
	name := strings.NewReplacer("/", "-").Replace(t.Name())
	if err := os.WriteFile(filepath.Join("../../build", name+".console.log"), text, 0o644); err != nil {
		t.Error(err)
	}
}

// boot switches the machine on and connects to its web admin.
func (b *bench) boot(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	start := time.Now()
	if _, err := b.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("from power-on to the greeting: %.1f s", time.Since(start).Seconds())
	b.connect(ctx, t)
}

// connect connects to the web admin as the console greets.
func (b *bench) connect(ctx context.Context, t *testing.T) {
	t.Helper()
	g, err := b.Greeting(ctx) // other cards may have had their addresses before
	if err != nil {
		t.Fatal(err)
	}
	client, err := appliance.NewClient(b.URL(), g.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b.Client, b.greeting = client, g
}

// until asks the appliance again and again, for a time. What comes close to its limit is said, before it misses it on a slower computer.
func (b *bench) until(t *testing.T, limit time.Duration, awaited string, ask func(ctx context.Context) (bool, error)) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := b.Until(ctx, awaited, func() (bool, error) { return ask(ctx) }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > limit/2 {
		t.Logf("%s: after %.1f s of %v", awaited, took.Seconds(), limit)
	}
}

// setUp does what an owner does first: administrator, cameras.
func (b *bench) setUp(t *testing.T) {
	t.Helper()
	b.makeOwner(t)
	b.addCameras(t)
}

// makeOwner makes the administrator.
func (b *bench) makeOwner(t *testing.T) {
	t.Helper()
	if b.greeting.SetupCode == "" {
		t.Fatal("a blank machine shows no set-up code")
	}
	if err := b.SetUp(t.Context(), b.greeting.SetupCode, owner, password); err != nil {
		t.Fatal(err)
	}
}

// addCameras has the machine record all cameras of the site.
func (b *bench) addCameras(t *testing.T) {
	t.Helper()
	for _, c := range b.Site.Cameras.Cameras() {
		added, err := b.AddCamera(t.Context(), c.ID(), b.Site.Cameras.URL(c), c.Config().User, c.Config().Pass)
		if err != nil {
			t.Fatal(err)
		}
		b.cameras[c.ID()] = added.ID
	}
}

// recording waits until all cameras are live and recorded.
func (b *bench) recording(t *testing.T) {
	t.Helper()
	b.until(t, time.Minute, "all cameras are recorded", func(ctx context.Context) (bool, error) {
		list, err := b.Client.Cameras(ctx)
		if err != nil {
			return false, err
		}
		for _, c := range list {
			if c.State.Status != api.CameraStateStatusLive || !c.State.Recording {
				return false, fmt.Errorf("%s is %s %s %s", c.Name, c.State.Status, c.State.Reason, c.State.RecordingReason)
			}
		}
		return len(list) == len(b.cameras), nil
	})
}

// timeline is all of a camera's past.
func (b *bench) timeline(ctx context.Context, id string) (api.Timeline, error) {
	return b.Timeline(ctx, id, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// footage waits until a camera's footage reaches beyond an instant, for sure on disk, and returns its end.
func (b *bench) footage(t *testing.T, id string, beyond time.Time) time.Time {
	t.Helper()
	var end int64
	b.until(t, time.Minute, fmt.Sprintf("footage reaches %v", beyond.UTC()), func(ctx context.Context) (bool, error) {
		line, err := b.timeline(ctx, id)
		for _, s := range line.Segments {
			end = max(end, s.EndMs)
		}
		return end >= beyond.UnixMilli(), err
	})
	return time.UnixMilli(end)
}

// firstMs is where each camera's footage begins.
func (b *bench) firstMs(t *testing.T) map[string]int64 {
	t.Helper()
	first := make(map[string]int64)
	for own, id := range b.cameras {
		line, err := b.timeline(t.Context(), id)
		if err != nil || line.FirstMs == 0 {
			t.Fatalf("%s: %+v, %v", own, line, err)
		}
		first[own] = line.FirstMs
	}
	return first
}

// verify downloads each of a camera's segments, and holds each against what the camera sent. It returns the stamps of all
// frames.
func (b *bench) verify(t *testing.T, own string) (all []stamp.Stamp) {
	t.Helper()
	line, err := b.timeline(t.Context(), b.cameras[own])
	if err != nil {
		t.Fatal(err)
	}
	if len(line.Segments) == 0 {
		t.Fatalf("%s: no segment", own)
	}
	for _, s := range line.Segments {
		file := filepath.Join(t.TempDir(), s.ID+".mkv")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Download(t.Context(), s.ID, f), f.Close()); err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		stamps, frames, err := recorded.Stamps(t.Context(), file)
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		if frames != len(stamps) || frames == 0 {
			t.Errorf("%s: %d frames, %d stamps", s.ID, frames, len(stamps))
			continue
		}
		if err := ledger.Compare(b.Site.Cameras.Camera(own).Sent(), stamps).Err(); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
		if !s.Open {
			complaints, err := recorded.Complaints(t.Context(), file)
			if err != nil || complaints != "" {
				t.Errorf("%s: %v %s", s.ID, err, complaints)
			}
		}
		all = append(all, stamps...)
	}
	return all
}

func (b *bench) powerOff(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	took, err := b.PowerOff(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("from the power button to power-off: %.1f s", took.Seconds())
	if took > 10*time.Second {
		t.Errorf("the machine took %v to go off, want 10 s at most", took)
	}
}

// still has the machine's own decoder make a picture of what is recorded.
func (b *bench) still(t *testing.T, camera string, at time.Time) {
	t.Helper()
	answer, err := b.Do(t.Context(), http.MethodGet, fmt.Sprintf("/cameras/%s/keyframe?atMs=%d&format=jpeg&width=160", camera, at.UnixMilli()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	size, err := jpeg.DecodeConfig(answer.Body)
	if err != nil || size.Width != 160 {
		t.Errorf("a recorded picture as JPEG is %+v, %v; want it 160 pixels wide", size, err)
	}
}

// startsIn prints how long a start takes from power-on: the kernel alone, all of it, and until a camera is recorded again.
func (b *bench) startsIn(t *testing.T, camera string, powerOn time.Time) {
	t.Helper()
	b.footage(t, b.cameras[camera], time.Now())
	line, err := b.timeline(t.Context(), b.cameras[camera])
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(line.Segments, func(s api.Segment) bool { return s.StartMs > powerOn.UnixMilli() })
	if i < 0 {
		t.Fatalf("no segment since %v: %+v", powerOn, line.Segments)
	}
	kernel, err := vm.BareKernel(t.Context(), accel(), "../../build/vmlinuz")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the first frame was recorded %.1f s after power-on; the kernel alone, started without a boot loader, takes %.1f s",
		time.UnixMilli(line.Segments[i].StartMs).Sub(powerOn).Seconds(), kernel.Seconds())
}

func TestBIOSMachineRecordsThroughAKilledEngineAndAPowerOff(t *testing.T) {
	b := open(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, DiskBytes: []int64{2 << 30, 2 << 30}})
	b.boot(t)
	b.makeOwner(t)
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("without cameras %d MB of memory are in use of %d", (s.Memory.TotalBytes-s.Memory.AvailableBytes)>>20, s.Memory.TotalBytes>>20)
	b.addCameras(t)
	b.recording(t)
	b.checkMachine(t, api.StatusFirmwareBios, 2)

	started := time.Now()
	acknowledged := make(map[string]time.Time)
	for own, id := range b.cameras {
		acknowledged[own] = b.footage(t, id, started.Add(5*time.Second))
		b.still(t, id, acknowledged[own])
	}
	if err := b.Call(t.Context(), http.MethodPost, "/services/engine/restart", api.RestartRequest{AtOnce: true}, nil); err != nil {
		t.Fatal(err)
	}
	restarted := time.Now()
	for own, id := range b.cameras {
		b.footage(t, id, restarted.Add(8*time.Second))
		line, err := b.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(line.Segments) < 2 {
			t.Errorf("%s: segments %+v, want one from before the engine was killed and one from after", own, line.Segments)
		}
		// the timeline's end is the end of the last frame; one frame of doubt
		if got, want := time.UnixMilli(line.Segments[0].EndMs), acknowledged[own]; got.Before(want.Add(-100 * time.Millisecond)) {
			t.Errorf("%s: footage up to %v from before the engine was killed, but the timeline had shown it up to %v", own, got.UTC(), want.UTC())
		}
		b.verify(t, own)
	}
	firstMs := b.firstMs(t)
	b.powerOff(t)

	powerOn := time.Now()
	b.boot(t)
	b.again(t, firstMs)
	b.startsIn(t, "avc", powerOn)
	b.powerOff(t)
}

func TestUEFIMachineFindsItsRecordingsAfterAPowerCut(t *testing.T) {
	disks := []int64{2 << 30, 4 << 30}
	b := open(t, site.Config{Firmware: vm.UEFI, Medium: vm.USB, DiskBytes: disks})
	b.isUsed(t, 1, disks[1])
	b.RTC = deadBattery
	b.boot(t)
	b.RTC = ""
	b.setUp(t)
	b.recording(t)
	b.checkMachine(t, api.StatusFirmwareUefi, 1)
	b.clockWasSet(t)
	b.servesTime(t)
	started := time.Now()
	acknowledged := make(map[string]time.Time)
	for own, id := range b.cameras {
		acknowledged[own] = b.footage(t, id, started.Add(6*time.Second))
	}
	firstMs := b.firstMs(t)
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
	cut := time.Now()

	b.boot(t)
	b.again(t, firstMs)
	for own, id := range b.cameras {
		line, err := b.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var end int64
		for _, s := range line.Segments {
			if s.StartMs < cut.UnixMilli() {
				end = max(end, s.EndMs)
			}
		}
		// the timeline's end is the end of the last frame; one frame of doubt
		if got, want := time.UnixMilli(end), acknowledged[own]; got.Before(want.Add(-100 * time.Millisecond)) {
			t.Errorf("%s: footage up to %v after the power cut, but the timeline had shown it up to %v", own, got.UTC(), want.UTC())
		}
	}
	b.restored(t, firstMs)
}

// isUsed makes the n-th disk, before the first boot, and has it hold something that is not Vigie's: it is left as it is until
// somebody says otherwise.
func (b *bench) isUsed(t *testing.T, n int, size int64) {
	t.Helper()
	path := filepath.Join(filepath.Dir(b.ConsoleLog()), fmt.Sprintf("data%d.raw", n))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, bytes.Repeat([]byte("in use "), 1000), 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
}

// restored has the recorder, whose system disk may have died as far as the machine knows, installed on a new disk beside its
// data volume: with its account, cameras, recordings and protections as before it starts from there, without the medium.
func (b *bench) restored(t *testing.T, firstMs map[string]int64) {
	t.Helper()
	now := time.Now().UnixMilli()
	request := api.ProtectionRequest{Camera: b.cameras["avc"], FromMs: firstMs["avc"], ToMs: now, Reason: "accident"}
	if err := b.Call(t.Context(), http.MethodPost, "/protections", request, nil); err != nil {
		t.Fatal(err)
	}
	b.install(t, "DATA1", "DATA0", func(string) { b.browse(t, "restore.mjs", password, map[string]string{"serial": "DATA1"}) })
	var before, after api.Recording
	if err := b.Call(t.Context(), http.MethodGet, "/recording", nil, &before); err != nil {
		t.Fatal(err)
	}
	b.powerOff(t)

	b.FromDisk = true
	b.boot(t)
	b.again(t, firstMs)
	s, err := b.Status(t.Context())
	if err != nil || s.BootMode != api.StatusBootModeInstalled {
		t.Errorf("it started %s (%v)", s.BootMode, err)
	}
	if err := b.Call(t.Context(), http.MethodGet, "/recording", nil, &after); err != nil || after.TotalSegments < before.TotalSegments || before.TotalSegments == 0 {
		t.Errorf("%d segments, were %d (%v)", after.TotalSegments, before.TotalSegments, err)
	}
	var kept []api.Protection
	if err := b.Call(t.Context(), http.MethodGet, "/protections", nil, &kept); err != nil || len(kept) != 1 || kept[0].Reason != request.Reason || kept[0].FromMs != request.FromMs || kept[0].ToMs != request.ToMs {
		t.Errorf("protections are %+v (%v)", kept, err)
	}
	b.powerOff(t)
}

// again checks that a machine that was booted before knows its account, cameras and recordings, and records.
func (b *bench) again(t *testing.T, firstMs map[string]int64) {
	t.Helper()
	if b.greeting.SetupCode != "" {
		t.Errorf("the second boot asks for a first set-up")
	}
	if err := b.Login(t.Context(), owner, password); err != nil {
		t.Fatalf("log in after the second boot: %v", err)
	}
	b.recording(t)
	now := time.Now()
	for own, id := range b.cameras {
		b.footage(t, id, now.Add(3*time.Second))
		line, err := b.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if line.FirstMs == 0 || line.FirstMs != firstMs[own] {
			t.Errorf("%s: the oldest footage is of %v, want %d", own, line.FirstMs, firstMs[own])
		}
		b.verify(t, own)
	}
}

// onTime waits until the clock is set.
func (b *bench) onTime(t *testing.T) {
	t.Helper()
	b.until(t, time.Minute, "the clock is set", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		return met(s.Clock.Status == api.ClockStatusSynchronised, err, s.Clock)
	})
}

// checkMachine holds the status against the machine that was built.
func (b *bench) checkMachine(t *testing.T, firmware api.StatusFirmware, disks int) {
	t.Helper()
	b.onTime(t)
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Clock.Server != lab.Host().String() {
		t.Errorf("the clock follows %q, want %s, which DHCP gives", s.Clock.Server, lab.Host())
	}
	if off := time.Since(time.UnixMilli(s.Clock.NowMs)).Abs(); off > 2*time.Second {
		t.Errorf("the machine's clock is %v off", off)
	}
	if s.Firmware != firmware || s.BootMode != api.StatusBootModeLive || !s.StorageSettled || len(s.Packages) == 0 {
		t.Errorf("firmware %s, boot mode %s, storage settled %v, %d packages", s.Firmware, s.BootMode, s.StorageSettled, len(s.Packages))
	}
	want := lab.MachineAt(0).Addr.String() + "/24"
	if !slices.ContainsFunc(s.Interfaces, func(i api.Interface) bool {
		return i.Mac == lab.MachineAt(0).MAC && i.Carrier && slices.Contains(i.Addresses, want) && i.Dhcp.Status == api.DhcpStatusBound
	}) {
		t.Errorf("interfaces %+v, want one with %s by DHCP", s.Interfaces, want)
	}
	volumes := 0
	for _, d := range s.Disks {
		if d.Use == api.DiskUseVolume && strings.HasPrefix(d.Serial, "DATA") {
			volumes++
		}
	}
	if volumes != disks || len(s.Volumes) != disks {
		t.Errorf("%d of the disks are volumes, %d volumes are mounted, want %d: %+v", volumes, len(s.Volumes), disks, s.Disks)
	}
	servicesAreWell(t, s)
	if len(s.Services) < 3 {
		t.Errorf("services %+v", s.Services)
	}
}
