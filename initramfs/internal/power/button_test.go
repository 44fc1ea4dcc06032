package power

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

func event(kind, code uint16, value uint32) []byte {
	b := make([]byte, eventSize)
	binary.LittleEndian.PutUint16(b[16:], kind)
	binary.LittleEndian.PutUint16(b[18:], code)
	binary.LittleEndian.PutUint32(b[20:], value)
	return b
}

var (
	press   = event(evKey, keyPower, 1)
	release = event(evKey, keyPower, 0)
	repeat  = event(evKey, keyPower, 2)
	sync    = event(0, 0, 0)
	letter  = event(evKey, 30, 1)
	scan    = event(4, keyPower, 1)
)

var streams = []struct {
	events []byte
	want   int
}{
	{nil, 0},
	{slices.Concat(press, sync, release, sync), 1},
	{slices.Concat(press, repeat, repeat, release, press), 2},
	{slices.Concat(letter, sync, scan), 0},
	{press[:eventSize-1], 0},
}

func TestPresses(t *testing.T) {
	for i, c := range streams {
		if got := presses(c.events); got != c.want {
			t.Errorf("%d: %d presses, want %d", i, got, c.want)
		}
	}
}

func FuzzPresses(f *testing.F) {
	for _, c := range streams {
		f.Add(c.events)
	}
	f.Fuzz(func(t *testing.T, events []byte) {
		if n := presses(events); n > len(events)/eventSize {
			t.Errorf("%d presses in %d bytes", n, len(events))
		}
	})
}

func TestWatchEndsWithTheDevice(t *testing.T) {
	pressed := 0
	if err := watch(bytes.NewReader(slices.Concat(press, release)), func() { pressed++ }); err != nil || pressed != 1 {
		t.Errorf("%d presses, %v", pressed, err)
	}
	if err := watch(iotest.ErrReader(&os.PathError{Op: "read", Path: "event0", Err: unix.ENODEV}), nil); err != nil {
		t.Errorf("unplugged: %v", err)
	}
	if err := watch(iotest.ErrReader(errors.New("i/o error")), nil); err == nil {
		t.Error("no error")
	}
}

func TestHasPowerKey(t *testing.T) {
	sys := t.TempDir()
	for name, keys := range map[string]string{
		"event0": "10000000000000 0\n",
		"event1": "3f000301ff 0 0 483ffff17aff32d bfd4444600000000 1 130ff38b17d000 677bfad9415fed e19effdf01cfffff fffffffffffffffe\n",
		"event2": "70000 0 0 0 0\n",
		"event3": "0\n",
		"event4": "nonsense x\n",
	} {
		dir := filepath.Join(sys, "class/input", name, "device/capabilities")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "key"), []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range append(Events(sys), "event9") {
		if HasPowerKey(sys, e) {
			got = append(got, e)
		}
	}
	if want := []string{"event0", "event1"}; !slices.Equal(got, want) {
		t.Errorf("devices with a power key: %q", got)
	}
}
