package rescue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vigie/services/system/internal/blockdev"
)

// worn is a disk of which places cannot be read.
type worn struct {
	size int64
	bad  []span
	gone int64 // from here on there is no disk any more; 0: it stays
	read int64
}

func (w *worn) ReadAt(b []byte, at int64) (int, error) {
	end := at + int64(len(b))
	if w.gone > 0 && end > w.gone {
		return 0, unix.ENODEV
	}
	for _, s := range w.bad {
		if at < s.to && end > s.from {
			return 0, unix.EIO
		}
	}
	if end > w.size {
		return 0, io.EOF
	}
	w.read = max(w.read, end)
	return len(b), nil
}

func TestUnreadablePlacesAreNamedAndTheRestIsRead(t *testing.T) {
	const size = 5<<20 + 12<<10 // the last part is a short one
	for _, c := range []struct {
		bad, want []span
		lost      int64
	}{
		{nil, nil, 0},
		{[]span{{4096, 4608}}, []span{{4096, 8192}}, 4096},
		{[]span{{1<<20 - 4096, 1<<20 + 4096}}, []span{{1<<20 - 4096, 1<<20 + 4096}}, 8192}, // over the edge of two parts
		{[]span{{0, 512}, {8192, 8704}}, []span{{0, 4096}, {8192, 12288}}, 8192},
		{[]span{{size - 512, size}}, []span{{size - 4096, size}}, 4096},
	} {
		w := &worn{size: size, bad: c.bad}
		r := newReadTest(w, size)
		if err := r.run(t.Context()); err != nil {
			t.Errorf("%v: %v", c.bad, err)
		}
		s := r.state()
		if s.done != size || s.lost != c.lost || s.places != len(c.want) || fmt.Sprint(s.bad) != fmt.Sprint(c.want) {
			t.Errorf("%v: %+v, want %v", c.bad, s, c.want)
		}
	}
}

func TestOfManyUnreadablePlacesTheFirstAreNamedAndAllCounted(t *testing.T) {
	w := &worn{size: 8 << 20}
	for at := int64(0); at < w.size; at += 8192 {
		w.bad = append(w.bad, span{at, at + 1})
	}
	r := newReadTest(w, w.size)
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.state(); s.places != 1024 || len(s.bad) != mostBad || s.lost != 4<<20 {
		t.Errorf("%d places, %d named, %d bytes", s.places, len(s.bad), s.lost)
	}
}

func TestReadingEndsWithTheDiskAndWithPatience(t *testing.T) {
	w := &worn{size: 8 << 20, gone: 3 << 20}
	r := newReadTest(w, w.size)
	if err := r.run(t.Context()); !errors.Is(err, errGone) || r.state().done != 3<<20 {
		t.Errorf("%v at %d", err, r.state().done)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newReadTest(&worn{size: 8 << 20}, 8<<20).run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// bench is a machine with one disk, a loop device over a file.
func bench(t *testing.T, size int64) (m *machine, out *bytes.Buffer, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, bytes.Repeat([]byte{7}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	node := command(t, "losetup", "--find", "--show", file)
	t.Cleanup(func() { command(t, "losetup", "--detach", node) })
	out = &bytes.Buffer{}
	disk := blockdev.Disk{Name: filepath.Base(node), ID: "usb-0815", Serial: "SER1", Model: "Test", SizeBytes: size}
	return &machine{root: "/", list: func() ([]blockdev.Disk, error) { return []blockdev.Disk{disk}, nil }, node: blockdev.Node, out: out}, out, file
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestADiskIsReadPastTheKernelsMemory(t *testing.T) {
	m, out, file := bench(t, 8<<20)
	if err := m.run(t.Context(), []string{"read", "SER1"}); err != nil || !strings.Contains(out.String(), "Everything could be read.") {
		t.Fatalf("%v: %s", err, out)
	}
	// The file ends earlier now: the loop device has errors where it had data, which the kernel still remembers.
	if err := os.Truncate(file, 4<<20); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := m.run(t.Context(), []string{"read", "usb-0815"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"All of it was read: 8.4 MB", "unreadable: bytes 4194304 to 8388607 (sectors 8192 to 16383)", "1 unreadable places, 4.2 MB in all. Replace this disk."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

func TestWhatIsCalledWronglySaysHow(t *testing.T) {
	m, _, _ := bench(t, 1<<20)
	for _, args := range [][]string{nil, {"read"}, {"read", "a", "b"}, {"paint", "SER1"}, {"memory", "1", "2"}} {
		if err := m.run(t.Context(), args); err == nil || !strings.Contains(err.Error(), "vigie rescue read DISK") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := m.run(t.Context(), []string{"read", "SER2"}); err == nil || !strings.Contains(err.Error(), "there are SER1") {
		t.Errorf("another disk: %v", err)
	}
	for _, amount := range []string{"0", "-5", "much", "99999999"} {
		if err := m.run(t.Context(), []string{"memory", amount}); err == nil {
			t.Errorf("%s MiB are tested", amount)
		}
	}
}
