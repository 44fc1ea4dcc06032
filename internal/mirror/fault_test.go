package mirror

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/filesys"
	"vigie/internal/xfstest"
)

// TestEveryTornOrFlippedTail cuts the journal at every byte, and flips a bit in every byte: what was whole before the
// bad place is there, nothing else is.
func TestEveryTornOrFlippedTail(t *testing.T) {
	m := newMachine(t, 1)
	db, _ := m.open(m.dirs...)
	put(t, db, 0, 6)
	db.Close()
	hits, _ := filepath.Glob(filepath.Join(m.dirs[0].Path, "*.journal"))
	if len(hits) != 1 {
		t.Fatalf("journals: %v", hits)
	}
	whole, err := os.ReadFile(hits[0])
	if err != nil {
		t.Fatal(err)
	}
	var ends []int // of frames
	j, err := parseJournal(whole)
	if err != nil || len(j.frames) != 6 {
		t.Fatalf("%+v, %v", j, err)
	}
	at := headerSize
	for i, f := range j.frames {
		if i > 0 {
			at += frameHeaderSize // a mark: each update was waited for
		}
		at += frameHeaderSize + len(f.payload)
		ends = append(ends, at)
	}
	intact := func(n int) (frames int) {
		for _, e := range ends {
			if e <= n {
				frames++
			}
		}
		return frames
	}
	try := func(what string, content []byte, want int, deep bool) {
		t.Helper()
		if err := os.WriteFile(hits[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
		if f := scan(filesys.OS, m.dirs[0], "engine"); !f.ok || f.generation != uint64(want) {
			t.Fatalf("%s: generation %d, want %d (%v)", what, f.generation, want, f.notes)
		}
		if !deep {
			return
		}
		m.powerCut()
		dir := Dir{ID: "copy", Path: filepath.Join(t.TempDir(), "index")}
		if err := os.CopyFS(dir.Path, os.DirFS(m.dirs[0].Path)); err != nil {
			t.Fatal(err)
		}
		db, rec := m.open(dir)
		if count(t, db) != want {
			t.Fatalf("%s: %d rows, want %d: %+v", what, count(t, db), want, rec)
		}
		put(t, db, want, want+2)
		db.Close()
		m.powerCut()
		db, rec = m.open(dir)
		if count(t, db) != want+2 {
			t.Fatalf("%s: %d rows after two more, want %d: %+v", what, count(t, db), want+2, rec)
		}
		db.Close()
	}
	for n := headerSize; n <= len(whole); n++ {
		try(fmt.Sprintf("cut at %d", n), whole[:n], intact(n), n%41 == 0)
	}
	for n := headerSize; n < len(whole); n++ {
		b := bytes.Clone(whole)
		b[n] ^= 0x10
		try(fmt.Sprintf("flip at %d", n), b, intact(n), n%41 == 0)
	}
	try("zeros behind", append(bytes.Clone(whole), make([]byte, 5000)...), 6, true)
	// Damage in the middle is told from a torn tail.
	b := bytes.Clone(whole)
	b[ends[2]+30] ^= 1
	if j, err := parseJournal(b); err != nil || j.damage == nil || !strings.Contains(j.damage.Error(), "generations 4 to 4") {
		t.Fatalf("damage in the middle: %+v, %v", j, err)
	}
}

const childEnv = "VIGIE_MIRROR_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child updates from several goroutines until it is killed, and prints each update that was acknowledged.
func child(dir string) {
	db, _, err := Open(Config{Path: filepath.Join(dir, "ram.db"), Name: "engine", RotateBytes: 4000},
		[]Dir{{ID: "a", Path: filepath.Join(dir, "a")}, {ID: "b", Path: filepath.Join(dir, "b")}})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var mu sync.Mutex
	next := 0
	db.View(func(tx *Tx) error {
		for k := range tx.Descend("rows", nil, nil) {
			next = int(k[0])<<24 + int(k[1])<<16 + int(k[2])<<8 + int(k[3]) + 1
			break
		}
		return nil
	})
	fmt.Println("open", db.Generation())
	for range 4 {
		go func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if err := db.Update(func(tx *Tx) error { return tx.Put("rows", key(i), fmt.Appendf(nil, "value %d", i)) }); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				os.Stdout.WriteString(strconv.Itoa(i) + "\n")
			}
		}()
	}
	select {}
}

func TestAcknowledgedUpdatesSurviveKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[int]bool{}
	for round := range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for want := 20 + 37*round; want > 0 && lines.Scan(); want-- {
			if i, err := strconv.Atoi(lines.Text()); err == nil {
				acked[i] = true
			} else if !strings.HasPrefix(lines.Text(), "open") {
				t.Fatal(lines.Text())
			}
		}
		cmd.Process.Kill()
		for lines.Scan() { // acknowledged before it died
			if i, err := strconv.Atoi(lines.Text()); err == nil {
				acked[i] = true
			}
		}
		cmd.Wait()
		// RAM survives a killed process, not a power cut; a volume may be missing.
		var dirs []Dir
		if round%3 != 1 {
			os.Remove(filepath.Join(dir, "ram.db"))
			dirs = []Dir{{ID: "a", Path: filepath.Join(dir, "a")}, {ID: "b", Path: filepath.Join(dir, "b")}}
		}
		db, rec, err := Open(Config{Path: filepath.Join(dir, "ram.db"), Name: "engine"}, dirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.View(func(tx *Tx) error {
			for i := range acked {
				if got := tx.Get("rows", key(i)); string(got) != fmt.Sprintf("value %d", i) {
					t.Errorf("round %d: acknowledged update %d is %q", round, i, got)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(); err != nil {
			t.Fatal(err)
		}
		for _, c := range rec.Copies {
			if c.Status != "ok" && c.Status != "stale" && c.Status != "empty" { // empty: its first snapshot was in the making
				t.Errorf("round %d: %+v", round, c)
			}
		}
		db.Close()
	}
	if len(acked) < 100 {
		t.Fatalf("only %d updates were acknowledged", len(acked))
	}
}

// TestFullVolumeFailsAloneAndComesBack uses a real file system without room.
func TestFullVolumeFailsAloneAndComesBack(t *testing.T) {
	m := newMachine(t, 1)
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(small, unix.MNT_DETACH) })
	db, _ := m.open(m.dirs[0], Dir{ID: "small", Path: filepath.Join(small, "index")})
	value := make([]byte, 20000)
	for i := range 40 {
		if err := db.Update(func(tx *Tx) error { return tx.Put("big", key(i), value) }); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "small volume fails with the reason", func() bool {
		c := db.Copies()
		return c[0].Status == StatusOK && c[1].Status != StatusOK && strings.Contains(c[1].Reason, "no space left")
	})
	if db.Volatile() {
		t.Error("said to be volatile though one volume is well")
	}
	if err := unix.Mount("tmpfs", small, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	await(t, "small volume is used again", allOK(db))
	// All volumes failing: changes stay in RAM, and that is said.
	db.RemoveDir("vol0")
	if err := unix.Mount("tmpfs", small, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		// Open files keep a file system writable: fill it instead.
		if err := os.WriteFile(filepath.Join(small, "fill"), make([]byte, 15<<20), 0o600); err == nil {
			t.Log("not full yet")
		}
		for i := range 200 {
			if db.Update(func(tx *Tx) error { return tx.Put("big", key(i), value) }); db.Volatile() {
				break
			}
		}
	}
	put(t, db, 0, 1)
	await(t, "volatile", db.Volatile)
	if count(t, db) != 1 {
		t.Fatal("the change is not even in RAM")
	}
}

// TestHangingDiskHoldsUpNobody freezes a real file system: writes to it block until it is thawed.
func TestHangingDiskHoldsUpNobody(t *testing.T) {
	m := newMachine(t, 1)
	m.cfg.StallAfter = 300 * time.Millisecond
	mnt := loopXFS(t)
	hung := Dir{ID: "hung", Path: filepath.Join(mnt, "index")}
	db, _ := m.open(m.dirs[0], hung)
	put(t, db, 0, 3)
	await(t, "both copies", allOK(db))
	thaw := xfstest.Freeze(t, mnt)
	start := time.Now()
	put(t, db, 3, 10)
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("updates took %v beside a hanging disk", d)
	}
	await(t, "hanging disk is named", func() bool { return strings.Contains(db.Copies()[1].Reason, "not answered") })
	db.RemoveDir("vol0")
	start = time.Now()
	put(t, db, 10, 12)
	if d := time.Since(start); d > 3*time.Second || !db.Volatile() {
		t.Errorf("updates took %v with a hanging disk alone, volatile %v", d, db.Volatile())
	}
	thaw()
	await(t, "disk is used again", allOK(db))
	if db.Volatile() {
		t.Error("still said to be volatile")
	}
	db.Close()
	m.powerCut()
	db, _ = m.open(hung)
	if count(t, db) != 12 {
		t.Fatalf("%d rows", count(t, db))
	}
	db.Close()
}

// loopXFS mounts a new XFS on a loop device.
func loopXFS(t *testing.T) (mnt string) {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, 320<<20); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.xfs", "-q", img)
	mnt = t.TempDir()
	run(t, "mount", "-o", "loop", img, mnt)
	t.Cleanup(func() { run(t, "umount", mnt) })
	return mnt
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func TestACopyCutOffInItsFirstStepIsEmptyNotDamaged(t *testing.T) {
	d := Dir{ID: "a", Path: t.TempDir()}
	if err := os.WriteFile(filepath.Join(d.Path, journalName("engine", 0)), make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	db, rec, err := Open(Config{Path: filepath.Join(t.TempDir(), "engine.db"), Name: "engine"}, []Dir{d})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if rec.Copies[0].Status != "empty" || db.Copies()[0].Status != StatusOK {
		t.Errorf("found %+v, now %+v", rec.Copies[0], db.Copies()[0])
	}
}
