package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"vigie/installer"
	"vigie/installer/fat"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/internal/api"
)

// rig is a machine's disk with two versions on it, and what of the machine an Updater sees.
type rig struct {
	t       testing.TB
	key     ed25519.PrivateKey
	disk    string
	volumes map[string]string // by id
	run     string

	mu       sync.Mutex
	seen     Seen
	restarts int
	refuse   error // of restarts
	started  time.Time
	said     []string
}

type file struct{ *os.File }

func (f file) Flush() error { return nil }

func newRig(t testing.TB) *rig {
	t.Helper()
	text, err := systemimage.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, disk: filepath.Join(t.TempDir(), "disk"), run: t.TempDir(), volumes: map[string]string{}}
	if r.key, err = systemimage.ParsePrivateKey(text); err != nil {
		t.Fatal(err)
	}
	r.install(r.image("1", 1000))
	for _, id := range []string{"state", "data"} {
		path := filepath.Join(t.TempDir(), id)
		r.volumes[id] = path
		for _, dir := range []string{"accounts", "index", "machine"} {
			if err := os.MkdirAll(filepath.Join(path, "vigie", dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.seen = Seen{
		Services: []api.Service{{Name: "web", Status: api.ServiceStatusReady}, {Name: "engine", Status: api.ServiceStatusReady}}, Settled: true,
		Volumes: []api.Volume{{ID: "state", Name: "Settings", Status: api.VolumeStatusMounted}, {ID: "data", Name: "Data", Status: api.VolumeStatusMounted}},
		Cameras: []api.Camera{recorded("c1"), recorded("c2")},
	}
	return r
}

func recorded(id string) api.Camera {
	return api.Camera{ID: id, Name: "Camera " + id, Enabled: true, State: api.CameraState{Status: api.CameraStateStatusLive,
		Streams: []api.StreamState{{Recordings: []api.RecordingState{{Kind: "standard", Scheduled: true, Recording: true}, {Kind: "alarm"}}}}}}
}

// image is a version of 80 kB.
func (r *rig) image(version string, builtS int64) []byte {
	return r.imageAs(systemimage.Manifest{Version: version, BuiltS: builtS, Kernel: "6.12", Notes: "Notes of " + version}, r.key)
}

func (r *rig) imageAs(m systemimage.Manifest, key ed25519.PrivateKey) []byte {
	r.t.Helper()
	body := bytes.Repeat([]byte(fmt.Sprintf("of %06s\n", m.Version)), 8193)[:80<<10]
	clear(body[:96])
	copy(body, "hsqs")
	binary.LittleEndian.PutUint16(body[28:], 4)
	binary.LittleEndian.PutUint64(body[40:], uint64(len(body)))
	seal, err := systemimage.Seal(bytes.NewReader(body), int64(len(body)), m, key)
	if err != nil {
		r.t.Fatal(err)
	}
	return append(body, seal...)
}

func (r *rig) parts(image []byte) []byte {
	r.t.Helper()
	b, err := systemimage.ReadParts(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) trusted() ([]ed25519.PublicKey, error) {
	return []ed25519.PublicKey{r.key.Public().(ed25519.PublicKey)}, nil
}

const systemID = "01020304-0506-4708-8900-000000000001"

func (r *rig) install(image []byte) {
	r.t.Helper()
	n := byte(0)
	table, err := layout.New(layout.MinBytes, false, func() uuid.UUID { n++; return uuid.UUID{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 15: n} })
	if err != nil {
		r.t.Fatal(err)
	}
	f, err := os.Create(r.disk)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(layout.MinBytes); err != nil {
		r.t.Fatal(err)
	}
	trusted, _ := r.trusted()
	i, err := systemimage.Open(bytes.NewReader(image), int64(len(image)), trusted)
	if err != nil {
		r.t.Fatal(err)
	}
	d := installer.New(file{f}, table)
	boot := make([]byte, 512)
	boot[510], boot[511] = 0x55, 0xaa
	l := installer.Loaders{Boot: boot, Core: bytes.Repeat([]byte{9}, 2000), EFI: r.efi()}
	for _, step := range []func() error{
		d.WriteTable,
		func() error { return d.WriteSlot(context.Background(), layout.SlotA, i, nil) },
		func() error { return d.WriteSlot(context.Background(), layout.SlotB, i, nil) },
		func() error {
			return d.WriteLoader(context.Background(), l, loader.Slots{Generation: 1, System: systemID, First: "a", A: loader.Confirmed, B: loader.Confirmed})
		},
		func() error { return d.Activate(l) },
	} {
		if err := step(); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) efi() io.ReaderAt {
	r.t.Helper()
	dir := r.t.TempDir()
	block, err := loader.Block()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "block"), block, 0o644); err != nil {
		r.t.Fatal(err)
	}
	image := filepath.Join(dir, "efi")
	steps := [][]string{{"mkfs.vfat", "-F", "32", "-s", "1", "-C", image, fmt.Sprint(layout.EFIBytes >> 10)}, {"mmd", "-i", image, "::/boot", "::/boot/grub"}}
	for _, name := range []string{loader.CountFile, loader.Slots0File, loader.Slots1File} {
		steps = append(steps, []string{"mcopy", "-i", image, filepath.Join(dir, "block"), "::" + name})
	}
	for _, s := range steps {
		if out, err := exec.Command(s[0], s[1:]...).CombinedOutput(); err != nil {
			r.t.Fatalf("%v: %v: %s", s, err, out)
		}
	}
	f, err := os.Open(image)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
	return f
}

func (r *rig) open(context.Context) (*installer.Disk, io.Closer, error) {
	f, err := os.OpenFile(r.disk, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	d, err := installer.Open(file{f}, layout.MinBytes)
	return d, f, err
}

// boot starts the machine from a slot: the updater that it has there, whose volumes were attached.
func (r *rig) boot(slot string) *Updater {
	r.t.Helper()
	r.mu.Lock()
	r.started = time.Now()
	r.mu.Unlock()
	if err := os.RemoveAll(filepath.Join(r.run, recordFile)); err != nil { // it was in memory
		r.t.Fatal(err)
	}
	u := New(Config{
		Slot: slot, System: systemID, Version: "own", Booting: true, File: filepath.Join(r.run, recordFile),
		Trusted: r.trusted, Open: r.open,
		Medium: func(_ context.Context, id string) (string, error) {
			if id != "stick" {
				return "", errors.New("no such disk")
			}
			return filepath.Join(r.run, id), nil
		},
		Look: func(context.Context) Seen {
			r.mu.Lock()
			defer r.mu.Unlock()
			seen := r.seen
			seen.At = time.Now()
			return seen
		},
		Restart: func(context.Context) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refuse == nil {
				r.restarts++
			}
			return r.refuse
		},
		Uptime: func() (time.Duration, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return time.Since(r.started), nil
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Say: func(format string, args ...any) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.said = append(r.said, fmt.Sprintf(format, args...))
		},
	})
	for id, path := range r.volumes {
		u.Attach(id, path)
	}
	u.Settle()
	return u
}

// running runs an updater until the test of f ends.
func (r *rig) running(u *Updater, f func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	time.Sleep(every + time.Second)
	f()
	cancel()
	if err := <-done; err != nil {
		r.t.Error(err)
	}
}

func (r *rig) change(f func(*Seen)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.seen)
}

func (r *rig) restarted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restarts
}

// count is GRUB, which starts the trial once more.
func (r *rig) count() {
	r.t.Helper()
	f, err := os.OpenFile(r.disk, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	d, err := installer.Open(file{f}, layout.MinBytes)
	if err != nil {
		r.t.Fatal(err)
	}
	slots, err := d.Slots()
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := d.Starts(slots.Trial)
	if err != nil {
		r.t.Fatal(err)
	}
	block, err := loader.Block(loader.Variable{Name: "counted", Value: strconv.FormatUint(slots.Trial, 10)}, loader.Variable{Name: "starts", Value: strconv.Itoa(n + 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	section := io.NewSectionReader(f, layout.EFIStart, layout.EFIBytes)
	extents, _, err := fat.Find(section, loader.CountFile)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range extents {
		if _, err := f.WriteAt(block[:e.Size], layout.EFIStart+e.Start); err != nil {
			r.t.Fatal(err)
		}
		block = block[e.Size:]
	}
}

// bytes is the whole disk but for its free space.
func (r *rig) slot(role layout.Role) []byte {
	r.t.Helper()
	f, err := os.Open(r.disk)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	table, err := layout.Read(f, layout.MinBytes)
	if err != nil {
		r.t.Fatal(err)
	}
	p, _ := table.Part(role)
	b := make([]byte, min(p.Size, 200<<10))
	if _, err := f.ReadAt(b, p.Start); err != nil {
		r.t.Fatal(err)
	}
	return b
}

// states are the slots' as on the disk.
func (r *rig) states() loader.Slots {
	r.t.Helper()
	d, closer, err := r.open(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	defer closer.Close()
	s, err := d.Slots()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}
