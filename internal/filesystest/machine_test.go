package filesystest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vigie/internal/filesys"
)

// TestMachineAnswersAsTheSystemDoes does the same to a folder of the system and to a machine, and holds all answers
// against each other.
func TestMachineAnswersAsTheSystemDoes(t *testing.T) {
	m := New()
	m.AddVolume("/v", 1<<20)
	real, simulated := script(filesys.OS, t.TempDir()), script(m, "/v")
	for i := range max(len(real), len(simulated)) {
		if i >= len(real) || i >= len(simulated) || real[i] != simulated[i] {
			t.Fatalf("step %d: the system says %q, the machine %q", i, real[i:], simulated[i:])
		}
	}
}

// script does many things and returns what was answered.
func script(fsys filesys.FS, root string) (log []string) {
	say := func(v ...any) { log = append(log, fmt.Sprint(v...)) }
	code := func(err error) any {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return errno
		}
		return err
	}
	in := func(p string) string { return filepath.Join(root, p) }
	open := func(p string, flag int) filesys.File {
		f, err := fsys.OpenFile(in(p), flag, 0o600)
		say("open ", p, " ", code(err))
		return f
	}
	list := func(p string) {
		entries, err := fsys.ReadDir(in(p))
		say("list ", p, " ", code(err))
		for _, e := range entries {
			say(e.Name(), e.IsDir())
		}
	}
	for _, p := range []string{"a", "a/b", "a", "c/d"} {
		say("mkdir ", p, " ", code(fsys.Mkdir(in(p), 0o700)))
	}
	say(filesys.MkdirAll(fsys, in("c/d/e"), 0o700), filesys.MkdirAll(fsys, in("c/d"), 0o700))
	f := open("a/file", os.O_CREATE|os.O_EXCL|os.O_RDWR)
	open("a/file", os.O_CREATE|os.O_EXCL|os.O_RDWR)
	open("a/none", os.O_RDWR)
	open("none/file", os.O_CREATE|os.O_RDWR)
	open("a/file/x", os.O_RDONLY)
	open("a", os.O_WRONLY)
	say(code(filesys.MkdirAll(fsys, in("a/file"), 0o700)) != nil)
	for _, p := range []string{"one", "two", ""} {
		n, err := f.Write([]byte(p))
		say(n, err)
	}
	n, err := f.WriteAt([]byte("zwei"), 3)
	say(n, err)
	n, err = f.WriteAt([]byte("far"), 5000)
	say(n, err, f.Truncate(5001), f.Truncate(5010), f.Sync(), f.Datasync(), f.SyncFS())
	b := make([]byte, 6000)
	n, err = f.ReadAt(b, 1)
	say(n, err, b[:n])
	n, err = f.ReadAt(b, 6000)
	say(n, err)
	st, err := f.Stat()
	say(st.Size(), st.Mode(), st.IsDir(), st.Name(), err)
	say(f.Chmod(0o644), f.Close())
	r := open("a/file", os.O_RDONLY)
	_, err = r.Write([]byte("x"))
	say(err != nil, r.Close())
	content, err := filesys.ReadFile(fsys, in("a/file"))
	say(len(content), err)
	say(code(fsys.Link(in("a/file"), in("a/link"))), code(fsys.Link(in("a/file"), in("a/b"))), code(fsys.Link(in("a/none"), in("a/x"))))
	say(code(fsys.Rename(in("a/file"), in("c/file"))), code(fsys.Rename(in("a/file"), in("c/other"))), code(fsys.Rename(in("c/file"), in("none/x"))))
	say(code(fsys.Remove(in("a"))), code(fsys.Remove(in("a/b"))), code(fsys.Remove(in("a/b"))))
	open("a/link", os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	content, err = filesys.ReadFile(fsys, in("c/file"))
	say(len(content), err)
	st, err = fsys.Lstat(in("c"))
	say(st.IsDir(), err)
	_, err = fsys.Lstat(in("x"))
	say(code(err), errors.Is(err, fs.ErrNotExist))
	say(filesys.SyncDir(fsys, in("c")), filesys.SyncDir(fsys, in("x")) != nil)
	list("")
	list("a")
	list("c")
	list("none")
	return log
}

// TestCrashKeepsWhatWasSyncedAndAnyOfTheRest cuts the power many times and sees all that may happen, and nothing else.
func TestCrashKeepsWhatWasSyncedAndAnyOfTheRest(t *testing.T) {
	m := New()
	m.AddVolume("/v", 1<<20)
	write := func(p string, flag int, b []byte, off int64) filesys.File {
		f, err := m.OpenFile(p, flag|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
		return f
	}
	old, young := bytes.Repeat([]byte{1}, 4*sector), bytes.Repeat([]byte{2}, 4*sector)
	f := write("/v/kept", os.O_CREATE, old, 0)
	write("/v/unnamed", os.O_CREATE, old, 0).Sync()
	if err := errors.Join(f.Sync(), filesys.SyncDir(m, "/v")); err != nil {
		t.Fatal(err)
	}
	write("/v/kept", 0, young, 2*sector)
	write("/v/late", os.O_CREATE, old, 0).Sync() // content alone
	if err := errors.Join(m.Rename("/v/unnamed", "/v/named"), m.Mkdir("/v/dir", 0o700)); err != nil {
		t.Fatal(err)
	}
	write("/v/dir/deep", os.O_CREATE, old, 0)
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 2000 {
		c := m.Crash(r)
		b, err := filesys.ReadFile(c, "/v/kept")
		if err != nil || len(b) < len(old) || !bytes.Equal(b[:2*sector], old[:2*sector]) {
			t.Fatalf("what was synced is not there: %v, %d bytes", err, len(b))
		}
		old, young, zero := 0, 0, 0
		for at := 2 * sector; at < len(b); at += sector {
			switch s := b[at:min(at+sector, len(b))]; {
			case bytes.Equal(s, bytes.Repeat([]byte{1}, len(s))) && at < 4*sector:
				old++
			case bytes.Equal(s, bytes.Repeat([]byte{2}, len(s))):
				young++
			case bytes.Equal(s, make([]byte, len(s))) && at >= 4*sector:
				zero++
			default:
				t.Fatalf("sector at %d: %v", at, s)
			}
		}
		seen[fmt.Sprintf("%d sectors", len(b)/sector)]++
		if young > 0 && old+zero > 0 {
			seen["torn"]++
		}
		if old == 0 && zero == 0 && young == 4 {
			seen["all written"]++
		}
		_, err1 := c.Lstat("/v/unnamed")
		_, err2 := c.Lstat("/v/named")
		if (err1 == nil) == (err2 == nil) {
			t.Fatalf("a rename is half done: %v, %v", err1, err2)
		}
		for _, p := range []string{"named", "late", "dir", "dir/deep"} {
			if b, err := filesys.ReadFile(c, "/v/"+p); err == nil || p == "dir" && !errors.Is(err, fs.ErrNotExist) {
				seen[p]++
				if p == "late" && !bytes.Equal(b, bytes.Repeat([]byte{1}, 4*sector)) {
					t.Fatal("synced content is not there")
				}
			} else {
				seen["no "+p]++
			}
		}
	}
	for _, what := range []string{"4 sectors", "6 sectors", "torn", "all written", "named", "no named", "late", "no late", "dir", "no dir", "dir/deep", "no dir/deep"} {
		if seen[what] < 20 {
			t.Errorf("%q was seen %d times of 2000: %v", what, seen[what], seen)
		}
	}
	if err := func() error { f, _ := filesys.Open(m, "/v"); return f.SyncFS() }(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		c := m.Crash(r)
		if got, want := fmt.Sprint(c.Files()), fmt.Sprint(m.Files()); got != want {
			t.Fatalf("after a sync of all there is %v, want %v", got, want)
		}
	}
}

func TestMachineIsFullWhenItsRoomIsUsed(t *testing.T) {
	m := New()
	m.AddVolume("/v", 64<<10)
	f, err := m.OpenFile("/v/a", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 60<<10), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 8<<10), 60<<10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing past the room: %v", err)
	}
	if s, err := m.Space("/v"); err != nil || s.Free != 4<<10 || s.Size != 64<<10 {
		t.Errorf("space %+v, %v", s, err)
	}
}
