package blockserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newDisk(t testing.TB, size int64) (*Disk, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "medium")
	d, err := OpenDisk(path, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, path
}

func serving(t *testing.T, d *Disk) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Listen(filepath.Join(dir, "s"), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "s")
}

// qemu runs commands of QEMU's own block tester on a socket.
func qemu(t *testing.T, socket string, commands ...string) string {
	t.Helper()
	args := []string{"-f", "raw", "-t", "writeback"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out, err := exec.Command("qemu-io", append(args, "nbd+unix:///?socket="+socket)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "failed") {
		t.Fatalf("qemu-io %v: %v: %s", commands, err, out)
	}
	return string(out)
}

func TestQEMUReadsWhatItWroteAndFlushesReachTheMedium(t *testing.T) {
	d, path := newDisk(t, 1<<20)
	socket := serving(t, d)
	qemu(t, socket, "write -P 1 0 64k", "write -P 2 4k 512", "read -P 1 0 4k", "read -P 2 4k 512", "read -P 1 4608 4k",
		"write -z 8k 4k", "read -P 0 8k 4k", "write -f -P 3 12k 4k", "discard 64k 64k", "flush", "read -P 3 12k 4k")
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 1<<20 {
		t.Fatalf("medium of %d bytes, %v", len(b), err)
	}
	for at, want := range map[int]byte{0: 1, 4096: 2, 4608: 1, 8192: 0, 12288: 3, 16384: 1, 65535: 1, 65536: 0} {
		if b[at] != want {
			t.Errorf("byte %d of the medium is %d, want %d", at, b[at], want)
		}
	}
	out, err := exec.Command("qemu-img", "info", "nbd+unix:///?socket="+socket).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "1 MiB (1048576 bytes)") {
		t.Errorf("qemu-img info: %v: %s", err, out)
	}
}

func TestCutKeepsWhatWasFlushedAndAnyOfTheRest(t *testing.T) {
	const sectors = 16
	fill := func(b byte) []byte { return bytes.Repeat([]byte{b}, sectors*sector) }
	seen := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	d, path := newDisk(t, 1<<20)
	for range 400 {
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(d.Write(fill(1), 0, sectors*sector, false))
		must(d.Flush())
		must(d.Write(fill(2), 0, sectors*sector, false))
		must(d.Write(fill(3), 0, sectors/2*sector, false)) // only the first half counts
		must(d.Write(fill(4)[:2*sector], 4*sector, 2*sector, true))
		_, _, err := d.Cut(r)
		must(err)
		if err := d.Write(fill(9), 0, sector, false); !errors.Is(err, errOff) {
			t.Fatalf("write to a disk without power: %v", err)
		}
		d.On()
		b, err := os.ReadFile(path)
		must(err)
		kinds := map[byte]int{}
		for i := range sectors {
			s := b[i*sector : (i+1)*sector]
			if !bytes.Equal(s, bytes.Repeat(s[:1], sector)) {
				t.Fatalf("sector %d is torn in itself", i)
			}
			if s[0] < 1 || s[0] > 4 || (s[0] == 4) != (i == 4 || i == 5) || s[0] == 3 && i >= sectors/2 {
				t.Fatalf("sector %d has %d", i, s[0])
			}
			kinds[s[0]]++
		}
		switch {
		case kinds[1] == sectors-2:
			seen["nothing"]++
		case kinds[1] == 0 && kinds[3] == sectors/2-2:
			seen["all"]++
		case kinds[1] == 0 && kinds[3] == 0:
			seen["a prefix"]++
		case kinds[2] == sectors/2 && kinds[1] == 0, kinds[1] == sectors/2 && kinds[2] == 0:
			seen["reordered"]++
		default:
			seen["torn"]++
		}
	}
	for _, what := range []string{"nothing", "all", "a prefix", "reordered", "torn"} {
		if seen[what] < 5 {
			t.Errorf("%q was seen %d times of 400: %v", what, seen[what], seen)
		}
	}
}

func TestArmedDiskGoesOffBeforeAFlush(t *testing.T) {
	d, path := newDisk(t, 1<<20)
	off := d.Arm(2)
	for i, want := range []error{nil, errOff, errOff} {
		if err := d.Write([]byte{1, 511: 0}, int64(i)*sector, sector, false); !errors.Is(err, want) {
			t.Fatalf("write %d: %v", i, err)
		}
		if err := d.Flush(); !errors.Is(err, want) {
			t.Fatalf("flush %d: %v", i, err)
		}
	}
	select {
	case <-off:
	default:
		t.Fatal("nobody was told")
	}
	unflushed, lost, err := d.Cut(rand.New(rand.NewPCG(1, 1)))
	b, rerr := os.ReadFile(path)
	if err != nil || rerr != nil || unflushed != sector || b[0] != 1 || (b[sector] == 1) != (lost == 0) || b[2*sector] != 0 {
		t.Errorf("%d bytes not flushed, %d lost, medium %v %v %v; %v %v", unflushed, lost, b[0], b[sector], b[2*sector], err, rerr)
	}
	d.On()
	if err := errors.Join(d.Write(make([]byte, sector), 0, sector, false), d.Flush()); err != nil {
		t.Error(err)
	}
}

func TestNothingIsAnsweredWithoutPower(t *testing.T) {
	d, _ := newDisk(t, 1<<20)
	c, err := net.Dial("unix", serving(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello(t, c)
	if _, err := c.Write(encode(request{command: cmdRead, length: 512, cookie: 7})); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 16+512)
	if _, err := io.ReadFull(c, answer); err != nil || binary.BigEndian.Uint64(answer[8:]) != 7 {
		t.Fatalf("answer %x, %v", answer[:16], err)
	}
	if _, _, err := d.Cut(rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(encode(request{command: cmdRead, length: 512})); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(answer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v from a disk without power", n, err)
	}
}

func TestErrorsAreAnsweredAndHangUpNobody(t *testing.T) {
	d, _ := newDisk(t, 1<<20)
	c, err := net.Dial("unix", serving(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello(t, c)
	for i, tc := range []struct {
		r    request
		want uint32
	}{
		{request{command: cmdRead, offset: 1 << 20, length: 1}, errnoNoSpace},
		{request{command: cmdFlush}, 0},
		{request{command: cmdZeroes, offset: 1<<20 - 512, length: 1024}, errnoNoSpace},
		{request{command: 99}, errnoInvalid},
		{request{command: cmdTrim, length: 512}, 0},
	} {
		tc.r.cookie = uint64(i)
		if _, err := c.Write(encode(tc.r)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 16)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		if binary.BigEndian.Uint32(b) != magicResponse || binary.BigEndian.Uint32(b[4:]) != tc.want || binary.BigEndian.Uint64(b[8:]) != uint64(i) {
			t.Errorf("request %+v is answered with %x, want error %d", tc.r, b, tc.want)
		}
	}
}

// hello shakes hands by the oldest of the ways.
func hello(t *testing.T, c net.Conn) {
	t.Helper()
	b := binary.BigEndian.AppendUint32(nil, flagFixed|flagNoZeroes)
	b = binary.BigEndian.AppendUint64(b, magicOption)
	b = binary.BigEndian.AppendUint32(b, optExportName)
	b = binary.BigEndian.AppendUint32(b, 0)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 18+10)); err != nil {
		t.Fatal(err)
	}
}

func encode(r request) []byte {
	b := binary.BigEndian.AppendUint32(nil, magicRequest)
	b = binary.BigEndian.AppendUint16(b, r.flags)
	b = binary.BigEndian.AppendUint16(b, r.command)
	b = binary.BigEndian.AppendUint64(b, r.cookie)
	b = binary.BigEndian.AppendUint64(b, uint64(r.offset))
	return binary.BigEndian.AppendUint32(b, uint32(r.length))
}

// pipe is a client's bytes, and a place for the answers.
type pipe struct {
	io.Reader
	io.Writer
}

// FuzzClient: whatever a client sends, the server neither fails hard nor writes beyond the disk.
func FuzzClient(f *testing.F) {
	handshakes := [][]byte{
		append(binary.BigEndian.AppendUint32(nil, 3), opt(optGo, []byte{0, 0, 0, 0, 0, 0})...),
		append(binary.BigEndian.AppendUint32(nil, 1), opt(optExportName, nil)...),
		append(append(append(binary.BigEndian.AppendUint32(nil, 3), opt(8, nil)...), opt(optInfo, []byte{0, 0, 0, 1, 'x', 0, 1, 0, 3})...), opt(optAbort, nil)...),
		append(binary.BigEndian.AppendUint32(nil, 3), opt(optGo, []byte{0xff, 0xff, 0xff, 0xff, 0, 0})...),
	}
	write := append(encode(request{command: cmdWrite, offset: 512, length: 512, flags: cmdFUA}), make([]byte, 512)...)
	for _, h := range handshakes {
		f.Add(h)
		for _, r := range []request{{command: cmdRead, length: 512}, {command: cmdFlush}, {command: cmdTrim, length: 1 << 30},
			{command: cmdZeroes, offset: 4096, length: 1<<32 - 1}, {command: cmdDisconnect}, {command: cmdRead, length: maxRequest + 1}, {command: cmdRead, offset: -1, length: 1}} {
			f.Add(append(append(bytes.Clone(h), write...), encode(r)...))
		}
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		d, path := newDisk(t, 64<<10)
		c := pipe{bytes.NewReader(sent), io.Discard}
		if done, err := handshake(c, d.size); !done && err == nil {
			_ = d.serve(c)
		}
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() != d.size {
			t.Fatalf("medium of %d bytes, %v", st.Size(), err)
		}
	})
}

func opt(number uint32, data []byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, magicOption)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}
