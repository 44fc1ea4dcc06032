package kmsg

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var records = []struct{ record, want string }{
	{"3,1042,5134567,-;e100 0000:00:04.0: Direct firmware load for e100/d101m_ucode.bin failed with error -2\n SUBSYSTEM=pci\n", "e100/d101m_ucode.bin"},
	{"4,1,1,c;r8169 0000:02:00.0: Direct firmware load for rtl_nic/rtl8168g-2.fw failed with error -2", "rtl_nic/rtl8168g-2.fw"},
	{"4,1,1,-;x: Direct firmware load for a.bin failed with error -4\n", ""},
	{"4,1,1,-;x: Direct firmware load for ../../a failed with error -2\n", ""},
	{"4,1,1,-;x: Direct firmware load for a.bin\n", ""},
	{"4,1,1,-;usb 1-1: new device\n Direct firmware load for a.bin failed with error -2\n", ""},
	{"Direct firmware load for a.bin failed with error -2", ""},
	{"", ""},
}

func TestMissingFirmware(t *testing.T) {
	for _, c := range records {
		if got, ok := MissingFirmware(c.record); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v", c.record, got, ok)
		}
	}
}

func FuzzMissingFirmware(f *testing.F) {
	for _, c := range records {
		f.Add(c.record)
	}
	f.Fuzz(func(t *testing.T, record string) {
		if file, ok := MissingFirmware(record); ok && (!fs.ValidPath(file) || strings.ContainsAny(file, " \n")) {
			t.Errorf("%q: %q", record, file)
		}
	})
}

// TestWatchSaysEachFileOnce reads records from a pipe in packet mode, which hands over one record a read as the device
// does.
func TestWatchSaysEachFileOnce(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_DIRECT|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	defer r.Close()
	defer w.Close()
	for range 2 {
		for _, c := range records {
			if c.record == "" {
				continue
			}
			if _, err := w.WriteString(c.record); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	err := Watch(ctx, "/proc/self/fd/"+strconv.Itoa(fds[0]), func(file string) {
		if got = append(got, file); len(got) == 2 {
			time.AfterFunc(20*time.Millisecond, cancel) // time for a third that must not come
		}
	})
	if want := []string{"e100/d101m_ucode.bin", "rtl_nic/rtl8168g-2.fw"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if err := Watch(t.Context(), "/no/such/device", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no device: %v", err)
	}
}
