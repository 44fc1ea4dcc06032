package reset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/hostkey"
)

const (
	secret  = "the camera's password"
	footage = "vigie/rec/cam/20260101/1-2-standard-main.mkv"
)

// machine is one boot: what reads volumes, in the order of the system service.
type machine struct {
	settings *config.Keeper
	key      *hostkey.Keeper
	resetter *Resetter
}

func boot(t *testing.T, volumes ...string) *machine {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.NewTextHandler(io.Discard, nil))
	m := &machine{settings: config.New(dir, func(sysconfig.Config) {}, time.Now, log), key: hostkey.New(dir, time.Now, log)}
	m.settings.Traces = Traces
	m.resetter = New(Config{Settings: m.settings, Key: m.key, Log: log})
	if err := m.settings.Open(); err != nil {
		t.Fatal(err)
	}
	for _, path := range volumes {
		m.attach(path)
	}
	m.settings.Settle()
	m.key.Settle()
	return m
}

func (m *machine) attach(path string) {
	m.settings.Attach(path, path)
	m.resetter.Attach(path, path)
	m.key.Attach(path, path)
}

// database opens one of the services' databases from volumes, and has a row written if there is none. It returns whether there
// was.
func database(t *testing.T, folder, name string, volumes ...string) (known bool) {
	t.Helper()
	var dirs []mirror.Dir
	for _, v := range volumes {
		dirs = append(dirs, mirror.Dir{ID: v, Path: filepath.Join(v, "vigie", folder)})
	}
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: name, Log: slog.New(slog.DiscardHandler)}, dirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *mirror.Tx) error {
		known = tx.Get("rows", []byte("k")) != nil
		return tx.Put("rows", []byte("k"), []byte(secret))
	}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(db.Copies(), func(c mirror.Copy) bool { return c.Status != mirror.StatusOK }); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("copies %+v", db.Copies())
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return known
}

// setUp makes volumes of a machine that is in use.
func setUp(t *testing.T, n int) []string {
	t.Helper()
	var volumes []string
	for range n {
		v := t.TempDir()
		for _, dir := range []string{"machine", "index", "accounts", "before/accounts", filepath.Dir(strings.TrimPrefix(footage, "vigie/"))} {
			if err := os.MkdirAll(filepath.Join(v, "vigie", dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(v, footage), []byte("pictures"), 0o644); err != nil {
			t.Fatal(err)
		}
		volumes = append(volumes, v)
	}
	m := boot(t, volumes...)
	if err := m.settings.Change(func(c *sysconfig.Config) { c.Hostname = "gate" }); err != nil {
		t.Fatal(err)
	}
	if _, err := m.key.Key(); err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes { // as a disk from elsewhere leaves it
		if err := os.WriteFile(filepath.Join(v, "vigie/machine/config.replaced.json"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	database(t, "accounts", "accounts", volumes...)
	database(t, "index", "engine", volumes...)
	for _, v := range volumes { // as an update does it
		files, err := filepath.Glob(filepath.Join(v, "vigie/accounts/*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if err := os.Link(f, filepath.Join(v, "vigie/before/accounts", filepath.Base(f))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return volumes
}

// isAsBefore and isNew check a machine that has just been booted from all of its volumes.
func (m *machine) isAsBefore(t *testing.T, volumes []string) {
	t.Helper()
	if m.settings.Config().Hostname != "gate" || m.key.Fingerprint() == "" {
		t.Errorf("settings %+v, key %q", m.settings.Config(), m.key.Fingerprint())
	}
	for _, v := range volumes {
		if !exists(t, filepath.Join(v, footage)) {
			t.Errorf("%s: its recordings are gone", v)
		}
	}
	if !database(t, "accounts", "accounts", volumes...) || !database(t, "index", "engine", volumes...) {
		t.Error("a database has lost its rows")
	}
}

func (m *machine) isNew(t *testing.T, volumes, erased []string) {
	t.Helper()
	if c := m.settings.Config(); c.Hostname != "" || m.key.Fingerprint() != "" {
		t.Errorf("settings %+v, key %q", c, m.key.Fingerprint())
	}
	for _, v := range volumes {
		if exists(t, filepath.Join(v, footage)) == slices.Contains(erased, v) {
			t.Errorf("%s: recordings there: %v", v, !slices.Contains(erased, v))
		}
		if err := filepath.WalkDir(v, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			if strings.Contains(string(content), secret) || strings.Contains(string(content), "PRIVATE KEY") || filepath.Base(path) == filepath.Base(markFile) {
				t.Errorf("%s is still there", path)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		if names, err := named(v); err != nil || len(names) > 0 {
			t.Errorf("%s has %v, %v", v, names, err)
		}
	}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// copied is another set of volumes with the same content.
func copied(t *testing.T, volumes []string) []string {
	t.Helper()
	var out []string
	for _, v := range volumes {
		to := filepath.Join(t.TempDir(), "v")
		if err := os.CopyFS(to, os.DirFS(v)); err != nil {
			t.Fatal(err)
		}
		out = append(out, to)
	}
	return out
}

func TestAResetLeavesNothingButRecordings(t *testing.T) {
	volumes := setUp(t, 2)
	if err := boot(t, volumes...).resetter.Reset(nil); err != nil {
		t.Fatal(err)
	}
	m := boot(t, volumes...)
	m.isNew(t, volumes, nil)
	if database(t, "accounts", "accounts", volumes...) || database(t, "index", "engine", volumes...) {
		t.Error("a database is as it was")
	}
	if _, err := m.key.Key(); err != nil {
		t.Error(err)
	}
	again := boot(t, volumes...) // what was made since stays
	if again.key.Fingerprint() != m.key.Fingerprint() || !database(t, "accounts", "accounts", volumes...) {
		t.Errorf("what was made after the reset is gone: key %q", again.key.Fingerprint())
	}
}

// TestAPowerCutLeavesBeforeOrAfter tries every state that a cut can leave of a reset of three volumes, one of which loses its
// recordings, each of them mounted first and last; and, where the reset took place, a cut after each file that the next start erases.
func TestAPowerCutLeavesBeforeOrAfter(t *testing.T) {
	before := setUp(t, 3)
	after := copied(t, before)
	marked := copied(t, before)
	if err := writeMark(marked[0], "reset-that-never-took-place"); err != nil {
		t.Fatal(err)
	}
	if err := boot(t, after...).resetter.Reset([]string{after[0]}); err != nil {
		t.Fatal(err)
	}
	for state := range 1 << 3 { // which volumes have the new configuration
		for _, order := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 1, 0}} {
			from := slices.Clone(marked)
			if state != 0 { // the mark is written before any configuration is
				from = slices.Clone(before)
				for i := range from {
					if state>>i&1 == 1 {
						from[i] = after[i]
					}
				}
			}
			volumes := copied(t, from)
			if state != 0 {
				mark, err := os.ReadFile(filepath.Join(after[0], "vigie", markFile))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(volumes[0], "vigie", markFile), mark, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m := boot(t, volumes[order[0]], volumes[order[1]], volumes[order[2]])
			if state == 0 {
				m.isAsBefore(t, volumes)
			} else {
				m.isNew(t, volumes, volumes[:1])
			}
			if t.Failed() {
				t.Fatalf("configurations written: %03b, mounted in the order %v", state, order)
			}
		}
	}
	names := boot(t, copied(t, after)...).settings.Forgotten()
	for cut := range 7 {
		volumes := copied(t, after)
		var files []string
		for _, dir := range []string{"machine/ssh-host-key.json", "before/accounts/*", "accounts/*", "index/*"} {
			some, err := filepath.Glob(filepath.Join(volumes[0], "vigie", dir))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, some...)
		}
		for i, f := range files[:min(cut, len(files))] {
			if err := filesys.Overwrite(filesys.OS, f); err != nil {
				t.Fatal(err)
			}
			if i == cut-1 && cut%2 == 1 {
				break // overwritten, and not yet removed
			}
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		m := boot(t, volumes...)
		m.isNew(t, volumes, volumes[:1])
		if got := m.settings.Forgotten(); t.Failed() || !slices.Equal(got, names) {
			t.Fatalf("a cut after %d files of %d", cut, len(files))
		}
	}
}

func TestADiskThatWasAwayIsErasedWhenItComesBack(t *testing.T) {
	volumes := setUp(t, 3)
	here, late, first := volumes[0], volumes[1], volumes[2]
	if err := boot(t, here).resetter.Reset(nil); err != nil {
		t.Fatal(err)
	}
	m := boot(t, first, here) // the one that knows nothing is mounted first
	m.isNew(t, []string{here, first}, nil)
	if _, err := m.key.Key(); err != nil {
		t.Fatal(err)
	}
	m.attach(late)
	if key := m.key.Fingerprint(); key == "" || slices.Contains(m.settings.Forgotten(), key) {
		t.Errorf("key %q", key)
	}
	if n, err := named(late); err != nil || len(n) != 1 || n[0] != m.key.Fingerprint() {
		t.Errorf("the late disk has %v, %v", n, err)
	}
	database(t, "accounts", "accounts", here)
	if !database(t, "accounts", "accounts", here, late) {
		t.Error("what was made after the reset is gone")
	}
}

func TestNothingIsResetWhenAVolumeCannotBeMarked(t *testing.T) {
	volumes := setUp(t, 2)
	m := boot(t, volumes...)
	if err := m.resetter.Reset([]string{"another"}); err == nil {
		t.Error("recordings of a volume that is not there are erased")
	}
	if err := os.Rename(filepath.Join(volumes[1], "vigie/machine"), filepath.Join(volumes[1], "vigie/moved")); err != nil {
		t.Fatal(err)
	}
	if err := m.resetter.Reset(volumes); err == nil {
		t.Error("a volume could not be marked, and that is no error")
	}
	if err := os.Rename(filepath.Join(volumes[1], "vigie/moved"), filepath.Join(volumes[1], "vigie/machine")); err != nil {
		t.Fatal(err)
	}
	boot(t, volumes...).isAsBefore(t, volumes)
}

func TestRecordingsAreDeletedInTheBackground(t *testing.T) {
	volumes := setUp(t, 2)
	for i := range 700 {
		if err := os.WriteFile(filepath.Join(volumes[0], fmt.Sprintf("%s.%d", footage, i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := boot(t, volumes...).resetter.Reset(volumes[:1]); err != nil {
		t.Fatal(err)
	}
	m := boot(t, volumes...)
	dropped := func() []string {
		list, err := filepath.Glob(filepath.Join(volumes[0], "vigie/erased-*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if len(dropped()) != 1 {
		t.Fatalf("moved aside: %v", dropped())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.resetter.Run(ctx) }()
	for end := time.Now().Add(10 * time.Second); len(dropped()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still there: %v", dropped())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(filepath.Join(volumes[0], "vigie/rec")); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if !exists(t, filepath.Join(volumes[1], footage)) {
		t.Error("another volume's recordings are gone")
	}
}

var markCases = map[string]string{
	`{"recordings":"reset-0123abcd"}`: "reset-0123abcd", `{}`: "", `{"recordings":""}`: "",
	`{"recordings":"../../rec"}`: "!", `{"recordings":"a/b"}`: "!", `{"recordings":"` + strings.Repeat("a", 65) + `"}`: "!", `[]`: "!", ``: "!", `{"recordings":7}`: "!",
}

func TestMarksAreReadWithSuspicion(t *testing.T) {
	for in, want := range markCases {
		m, err := parseMark([]byte(in))
		if (err != nil) != (want == "!") || err == nil && m.Recordings != want {
			t.Errorf("%s: %+v, %v", in, m, err)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	for in := range markCases {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMark(b)
		if err == nil && (strings.ContainsAny(m.Recordings, "/. \x00") || len(m.Recordings) > 64) {
			t.Errorf("took %q", m.Recordings)
		}
	})
}
