package vm

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bootSector is a disk whose first sector writes a text to the serial port, then one dot for each byte it receives.
func bootSector(t *testing.T, text string) string {
	t.Helper()
	code := []byte{
		0xbe, 0x00, 0x00, // mov si, text (patched)
		0xba, 0xf8, 0x03, // mov dx, 0x3f8 (COM1)
		0x31, 0xc0, //       xor ax, ax
		0x8e, 0xd8, //       mov ds, ax
		0xac,       // next: lodsb
		0x84, 0xc0, //       test al, al
		0x74, 0x03, //       jz echo
		0xee,       //       out dx, al
		0xeb, 0xf8, //       jmp next
		0xba, 0xfd, 0x03, // echo: mov dx, 0x3fd (line status)
		0xec,       //       in al, dx
		0xa8, 0x01, //       test al, 1 (data ready)
		0x74, 0xf8, //       jz echo
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xec,       //       in al, dx
		0xb0, 0x2e, //       mov al, '.'
		0xee,       //       out dx, al
		0xeb, 0xef, //       jmp echo
	}
	binary.LittleEndian.PutUint16(code[1:], uint16(0x7c00+len(code)))
	sector := make([]byte, 64<<10)
	copy(sector, code)
	copy(sector[len(code):], text)
	sector[510], sector[511] = 0x55, 0xaa
	path := filepath.Join(t.TempDir(), "boot.raw")
	if err := os.WriteFile(path, sector, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMachine starts a real QEMU from each medium and uses what the whole-machine tests lean on.
func TestMachine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	image := bootSector(t, "\x1b[1;31mhello\x1b[m\r\nfrom sector zero\r\n")
	dir := t.TempDir()
	m, err := Start(ctx, Config{
		Dir: dir, Image: image, Medium: USB, MemoryMiB: 64, CPUs: 1, Watchdog: true,
		Disks: []Disk{
			{ID: "d0", SizeBytes: 8 << 20},
			{ID: "d1", SizeBytes: 8 << 20, Format: "raw", Bus: AHCI, Serial: "with,comma"},
			{ID: "d2", SizeBytes: 8 << 20, Bus: NVMe},
			{ID: "d3", SizeBytes: 8 << 20, Bus: SCSI},
		},
		NICs:       []NIC{{ID: "net0", MAC: "52:54:00:00:00:01"}},
		OEMStrings: []string{"vigie.ntp=a,b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()

	match, err := m.Console().Expect(ctx, regexp.MustCompile(`(?m)^hello\nfrom (sector) zero\n`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"hello\nfrom sector zero\n", "sector"}, match); diff != "" {
		t.Error(diff)
	}
	if err := m.Console().Send("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Console().Expect(ctx, regexp.MustCompile(`\.`)); err != nil {
		t.Fatal(err)
	}
	if err := m.SetLink(ctx, "net0", false); err != nil {
		t.Error(err)
	}
	if err := m.SetLink(ctx, "nosuch", false); err == nil {
		t.Error("no error for the link of a NIC that does not exist")
	}
	if err := m.PowerButton(ctx); err != nil {
		t.Error(err)
	}
	if err := m.WaitEvent(ctx, "POWERDOWN", nil); err != nil {
		t.Error(err)
	}
	var nodes []struct {
		Name  string `json:"node-name"`
		Image struct{ Filename string }
	}
	if err := m.Execute(ctx, "query-named-block-nodes", nil, &nodes); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, n := range nodes {
		if strings.HasSuffix(n.Name, "-format") {
			got[n.Name] = filepath.Base(n.Image.Filename)
		}
	}
	want := map[string]string{"d0-format": "d0.qcow2", "d1-format": "d1.raw", "d2-format": "d2.qcow2", "d3-format": "d3.qcow2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if screen, err := m.Screen(ctx); err != nil || !strings.HasPrefix(screen, "SeaBIOS (version ") || strings.Count(screen, "\n") != 25 {
		t.Errorf("screen %q, %v", screen, err)
	}
	shot := filepath.Join(dir, "screen.png")
	if err := m.Screenshot(ctx, shot); err != nil {
		t.Error(err)
	}
	if png, err := os.ReadFile(shot); err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("screenshot: %.8q, %v", png, err)
	}

	m.Kill()
	if err := m.Wait(ctx); err == nil {
		t.Error("a killed machine counts as one that went off by itself")
	}
	if _, err := m.Console().Expect(ctx, regexp.MustCompile(`never`)); err == nil || !strings.Contains(err.Error(), "went off") {
		t.Errorf("console of a dead machine: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "serial.log"))
	if err != nil || !strings.Contains(string(raw), "\x1b[1;31mhello\x1b[m\r\n") {
		t.Errorf("serial log %q, %v", raw, err)
	}
}

// TestDisksFailAndRecover pulls a disk, writes to it through QEMU's own server, and plugs it in again. It is behind a
// SCSI controller, where no guest is asked.
func TestDisksFailAndRecover(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	m, err := Start(ctx, Config{Dir: dir, Image: bootSector(t, "up\n"), MemoryMiB: 64, CPUs: 1, Disks: []Disk{
		{ID: "d0", SizeBytes: 8 << 20},
		{ID: "d1", SizeBytes: 8 << 20, Format: "raw", Bus: SCSI},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	execute := func(command string, arguments any) {
		t.Helper()
		if err := m.Execute(ctx, command, arguments, nil); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "nbd")
	execute("nbd-server-start", map[string]any{"addr": map[string]any{"type": "unix", "data": map[string]any{"path": socket}}})
	for _, fail := range []bool{false, true, false, true} {
		if err := m.RemoveDisk(ctx, "d1"); err != nil {
			t.Fatal(err)
		}
		if err := m.FailWrites(ctx, "d1", fail); err != nil {
			t.Fatal(err)
		}
		execute("block-export-add", map[string]any{"type": "nbd", "id": "look", "node-name": "d1-format", "writable": true})
		for command, fails := range map[string]bool{"write 64k 4k": fail, "write -z 64k 4k": fail, "read 64k 4k": false} {
			out, err := exec.CommandContext(ctx, "qemu-io", "-f", "raw", "-c", command, "nbd+unix:///d1-format?socket="+socket).CombinedOutput()
			if got := strings.Contains(string(out), "Input/output error"); got != fails || (err != nil) != fails {
				t.Errorf("writes fail: %v: %s: %v %s", fail, command, err, out)
			}
		}
		before := m.eventCount()
		execute("block-export-del", map[string]any{"id": "look", "mode": "hard"})
		if err := m.waitEvent(ctx, before, "BLOCK_EXPORT_DELETED", nil); err != nil {
			t.Fatal(err)
		}
		if err := m.InsertDisk(ctx, "d1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"d0", "nosuch"} {
		if err := m.FailWrites(ctx, id, true); err == nil {
			t.Errorf("no error for disk %s", id)
		}
	}
}

func TestStartSaysWhatQEMUComplainsOf(t *testing.T) {
	_, err := Start(t.Context(), Config{Dir: t.TempDir(), Image: bootSector(t, "x"), Extra: []string{"-device", "nosuchdevice"}})
	if err == nil || !strings.Contains(err.Error(), "nosuchdevice") {
		t.Errorf("got %v", err)
	}
}

func TestStartRefusesBadConfigs(t *testing.T) {
	for name, c := range map[string]Config{
		"no folder":         {Image: "x"},
		"nothing to boot":   {Dir: t.TempDir()},
		"two things":        {Dir: t.TempDir(), Image: "x", Kernel: "y"},
		"an image and disk": {Dir: t.TempDir(), Image: "x", FromDisk: true},
		"disk of no size":   {Dir: t.TempDir(), Image: "x", Disks: []Disk{{ID: "d0"}}},
		"disk of long id":   {Dir: t.TempDir(), Image: "x", Disks: []Disk{{ID: "seventeen letters", SizeBytes: 1}}},
		"disk without id":   {Dir: t.TempDir(), Image: "x", Disks: []Disk{{SizeBytes: 1}}},
		"firmware":          {Dir: t.TempDir(), Image: "x", Firmware: "coreboot"},
		"network namespace": {Dir: t.TempDir(), Image: "x", Netns: "vigie-no-such-namespace"},
	} {
		if m, err := Start(t.Context(), c); err == nil {
			m.Close()
			t.Errorf("%s: started", name)
		}
	}
}

func TestMachineDiesWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m, err := Start(ctx, Config{Dir: t.TempDir(), Image: bootSector(t, "up\n"), MemoryMiB: 64, CPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-m.Exited():
	case <-time.After(10 * time.Second):
		t.Error("still running")
	}
	m.Close()
}

func TestConsoleCursor(t *testing.T) {
	c := newConsole(nil)
	c.Write([]byte("one\r\ntwo\x1b[2"))
	c.Write([]byte("Jthree\x1bMfour"))
	for _, pattern := range []string{`one\n`, `twothree`, `four`} {
		if _, err := c.Expect(t.Context(), regexp.MustCompile(pattern)); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Expect(ctx, regexp.MustCompile(`one`)); err == nil {
		t.Error("a match was found twice")
	}
	if want := "one\ntwothreefour"; c.Text() != want {
		t.Errorf("text %q, want %q", c.Text(), want)
	}
}
