package export

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// port is where media are plugged in, which are folders here.
type port struct {
	mu      sync.Mutex
	list    []api.Medium
	changed chan struct{}
	refuse  error
}

func newPort(list ...api.Medium) *port { return &port{list: list, changed: make(chan struct{})} }

func (p *port) List() ([]api.Medium, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list, p.changed
}

func (p *port) set(list ...api.Medium) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = list
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *port) Mount(_ context.Context, id string) error {
	if p.refuse != nil {
		return p.refuse
	}
	list, _ := p.List()
	m := list[0]
	m.Status, m.Path = api.MediumStatusMounted, m.Reason // a test's folder, until it is mounted
	p.set(m)
	return nil
}

// small is an ext4 file system of so many MiB.
func small(t *testing.T, mib int64) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "stick.img"), t.TempDir()
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, mib<<20)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-O", "^has_journal", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// office is all exports on a database of its own, which stays when they are opened anew.
type office struct {
	t    *testing.T
	db   *mirror.DB
	port *port
	a    Archive
	// stopping, if not nil, is called once what runs has been told to end, and before that is waited for.
	stopping func()
}

func newOffice(t *testing.T, a Archive, p *port) *office {
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &office{t: t, db: db, port: p, a: a}
}

// open opens the exports; stop ends what runs for them.
func (o *office) open(syncEvery int64) (x *Exports, stop func()) {
	o.t.Helper()
	x, err := Open(Config{DB: o.db, Keys: NewKeys(o.db, func() bool { return true }), Archive: o.a, Software: "Vigie test", Media: o.port,
		Log: slog.New(slog.DiscardHandler), Appliance: func() string { return "gate" }, Zone: func() string { return "UTC" },
		CameraName: func(string) string { return "Door" }})
	if err != nil {
		o.t.Fatal(err)
	}
	x.syncEvery = syncEvery
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan struct{})
	go func() { x.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if o.stopping != nil {
			o.stopping()
		}
		<-done
	})
	o.t.Cleanup(stop)
	return x, stop
}

// until waits for an export to be as wanted.
func until(t *testing.T, x *Exports, id, what string, ok func(api.Export) bool) (e api.Export) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if e, err = x.Get(id); err != nil {
			t.Fatal(err)
		}
		if ok(e) {
			return e
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %+v", what, e)
		}
	}
}

func is(s api.ExportStatus) func(api.Export) bool {
	return func(e api.Export) bool { return e.Status == s }
}

func waitsFor(text string) func(api.Export) bool {
	return func(e api.Export) bool {
		return e.Status == api.ExportStatusWaiting && strings.Contains(e.Message, text)
	}
}

// stumbling is an archive whose disk stalls, when it is told to, until it fails.
type stumbling struct {
	*folder
	mu     sync.Mutex
	after  int // segments that are opened before it stalls; -1: never
	stalls chan struct{}
}

func (s *stumbling) Open(id string) (Segment, error) {
	s.mu.Lock()
	stall := s.after == 0
	if s.after > 0 {
		s.after--
	}
	s.mu.Unlock()
	if stall {
		<-s.stalls
		return nil, errors.New("the disk has stopped answering") // else what is read may come to its end before it is noticed that it is not wanted
	}
	return s.folder.Open(id)
}

func (s *stumbling) stallAfter(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = n
}

func request(more func(*api.ExportRequest)) api.ExportRequest {
	q := api.ExportRequest{Cameras: []string{cameraID}, FromMs: epoch.UnixMilli(), ToMs: epoch.UnixMilli() + 20_000, Note: "case 4711", Medium: "usb"}
	if more != nil {
		more(&q)
	}
	return q
}

// TestAnExportGoesOnOnItsMedium: after the machine was stopped in mid-file, from what was synced; and all that is there in
// the end is what a download would have had.
func TestAnExportGoesOnOnItsMedium(t *testing.T) {
	for _, container := range []api.ExportContainer{api.ExportContainerMkv, api.ExportContainerMp4} {
		t.Run(string(container), func(t *testing.T) {
			a := &stumbling{folder: newFolder(t), after: -1, stalls: make(chan struct{})}
			film(t, a.folder, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.AAC), 20, 60)
			stick := t.TempDir()
			// Present: it is mounted when the export wants it.
			o := newOffice(t, a, newPort(api.Medium{ID: "usb", Name: "STICK", Status: api.MediumStatusPresent, Reason: stick}))
			x, stop := o.open(100 << 10)
			headers := len(a.list) // segments are opened once to be planned, and once to be measured
			if container == api.ExportContainerMp4 {
				headers *= 2
			}
			a.stallAfter(headers + 4)
			e, err := x.Create(t.Context(), request(func(q *api.ExportRequest) { q.Container, q.SplitMinutes = container, 0 }), "ann")
			if err != nil {
				t.Fatal(err)
			}
			j, err := x.get(e.ID)
			if err != nil {
				t.Fatal(err)
			}
			until(t, x, e.ID, "half written", func(api.Export) bool {
				j.mu.Lock()
				defer j.mu.Unlock()
				return j.row.Medium.Synced > 0
			})
			if a.held.Load() == 0 {
				t.Error("what is read is not held")
			}
			o.stopping = func() { close(a.stalls) }
			stop()
			o.stopping = nil
			j.mu.Lock()
			synced, folder := j.row.Medium.Synced, j.row.Medium.Folder
			j.mu.Unlock()
			a.stallAfter(-1)
			if n := a.held.Load(); n != 0 {
				t.Errorf("%d ranges are still held", n)
			}
			names, err := filepath.Glob(filepath.Join(stick, folder, "*"+partial))
			if err != nil || len(names) != 1 {
				t.Fatalf("%v, %v", names, err)
			}
			// A power cut leaves whatever it likes behind what was synced.
			if err := os.WriteFile(names[0]+"x", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if f, err := os.OpenFile(names[0], os.O_WRONLY, 0); err != nil {
				t.Fatal(err)
			} else if _, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 5000), synced); err != nil || f.Close() != nil {
				t.Fatal(err)
			}
			if err := os.Remove(names[0] + "x"); err != nil {
				t.Fatal(err)
			}
			x, _ = o.open(100 << 10)
			e = until(t, x, e.ID, "done", is(api.ExportStatusDone))
			if e.Medium.Folder != folder || e.Medium.Name != "STICK" || e.SizeBytes == 0 {
				t.Errorf("%+v", e)
			}
			dir := filepath.Join(stick, folder)
			if out, err := exec.Command("sh", "-c", "cd \"$1\" && sha256sum -c --quiet SHA256SUMS && ls", "sh", dir).CombinedOutput(); err != nil || strings.Contains(string(out), partial) {
				t.Errorf("%v\n%s", err, out)
			}
			total := int64(0)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range entries {
				info, err := n.Info()
				if err != nil {
					t.Fatal(err)
				}
				total += info.Size()
			}
			if total != e.SizeBytes {
				t.Errorf("%d bytes are there, said were %d", total, e.SizeBytes)
			}
			written, err := os.ReadFile(filepath.Join(dir, e.Files[0].Name))
			if err != nil {
				t.Fatal(err)
			}
			judge(t, written, e.Files[0].Name)
			if err := x.Download(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), e.ID); err == nil || !strings.Contains(err.Error(), "STICK") {
				t.Error("it can be downloaded, too")
			}
		})
	}
}

func TestAnExportWaitsForItsMediumAndSaysSo(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{Size: "640x480"}), nil, 20, 60)
	stick := small(t, 8)
	mounted := api.Medium{ID: "usb", Name: "STICK", Status: api.MediumStatusMounted, Path: stick, FileLimitBytes: 2 << 20}
	p := newPort(mounted)
	o := newOffice(t, a, p)
	x, _ := o.open(1 << 20)
	for _, c := range []struct {
		change func(*api.ExportRequest)
		want   string
	}{
		{func(q *api.ExportRequest) { q.Medium = "other" }, "no such USB disk"},
		{func(q *api.ExportRequest) { q.Container = "avi" }, "no such kind of file"},
	} {
		if _, err := x.Create(t.Context(), request(c.change), "ann"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	// There is no room.
	filler := filepath.Join(stick, "filler")
	var fs unix.Statfs_t
	if err := unix.Statfs(stick, &fs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filler, make([]byte, int64(fs.Bavail)*fs.Bsize-1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := x.Create(t.Context(), request(nil), "ann")
	if err != nil {
		t.Fatal(err)
	}
	until(t, x, e.ID, "it is said that there is no room", waitsFor("STICK has"))
	// It is pulled, ejected, cannot be mounted.
	p.set()
	until(t, x, e.ID, "it is said to be gone", waitsFor("Connect the USB disk STICK"))
	ejected := mounted
	ejected.Status, ejected.Path = api.MediumStatusEjected, ""
	p.set(ejected)
	until(t, x, e.ID, "it is said to be ejected", waitsFor("Pull it and plug it in again"))
	if _, err := x.Create(t.Context(), request(nil), "ann"); err == nil || !strings.Contains(err.Error(), "was ejected") {
		t.Errorf("got %v", err)
	}
	p.refuse = errors.New("It is write-protected.")
	ejected.Status = api.MediumStatusPresent
	p.set(ejected)
	until(t, x, e.ID, "it is said to be write-protected", waitsFor("write-protected"))
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.set(mounted)
	e = until(t, x, e.ID, "done", is(api.ExportStatusDone))
	for _, f := range e.Files { // as its file system needs it
		if f.SizeBytes > mounted.FileLimitBytes {
			t.Errorf("%s has %d bytes", f.Name, f.SizeBytes)
		}
	}
	// Another one of the same name gets a folder of its own; one that is removed leaves nothing half written.
	second, err := x.Create(t.Context(), request(func(q *api.ExportRequest) { q.ToMs = q.FromMs + 2000 }), "ann")
	if err != nil {
		t.Fatal(err)
	}
	second = until(t, x, second.ID, "done", is(api.ExportStatusDone))
	if second.Medium.Folder != e.Medium.Folder+" (2)" {
		t.Errorf("%q and %q", e.Medium.Folder, second.Medium.Folder)
	}
	if err := x.Remove(second.ID); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(stick, second.Medium.Folder, "vigie.json")); err != nil {
		t.Error(err) // what is on the medium stays
	}
}

// TestADiskMayBeKnownAMomentLater: a page is told of one by another service than this.
func TestADiskMayBeKnownAMomentLater(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 20, 60)
	p := newPort()
	x, _ := newOffice(t, &stumbling{folder: a, after: -1}, p).open(100 << 10)
	_, before := p.List()
	known := time.AfterFunc(50*time.Millisecond, func() {
		p.set(api.Medium{ID: "usb", Name: "STICK", Status: api.MediumStatusPresent, Reason: t.TempDir()})
	})
	defer known.Stop()
	if _, err := x.Create(t.Context(), request(nil), "ann"); err != nil {
		t.Error(err)
	}
	<-before // it has come
}
