package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

var update = flag.Bool("update", false, "write the file of this version anew")

const passphrase = "a passphrase for tests"

func sample() Document {
	return Document{
		Head:   Head{Software: "1.0", Machine: "gate", MadeMs: 1764215000000},
		System: json.RawMessage(`{"ntpServers":[]}`), Engine: json.RawMessage(`{"cameras":[{"password":"geheim-4711"}]}`),
		Accounts: json.RawMessage(`{"users":[]}`),
	}
}

func sealed(t testing.TB, d Document) []byte {
	t.Helper()
	b, err := Seal(d, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSealedIsOpenedWithItsPassphraseAlone(t *testing.T) {
	file := sealed(t, sample())
	for _, secret := range []string{"geheim-4711", "cameras", "password", "ntpServers", "users"} {
		if bytes.Contains(file, []byte(secret)) {
			t.Errorf("%q can be read in the file", secret)
		}
	}
	head, err := Look(file)
	if err != nil || head.Machine != "gate" || head.Version != Version || head.Software != "1.0" {
		t.Errorf("head %+v, %v", head, err)
	}
	d, err := Open(file, passphrase)
	if err != nil || string(d.Engine) != string(sample().Engine) || string(d.System) != string(sample().System) || string(d.Accounts) != string(sample().Accounts) {
		t.Errorf("%+v, %v", d, err)
	}
	for _, other := range []string{"", "another passphrase", passphrase + " "} {
		if _, err := Open(file, other); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if bytes.Equal(file, sealed(t, sample())) {
		t.Error("the same content gives the same file")
	}
}

// TestADamagedFileIsNeverOpened cuts a file at many places, and changes a byte at others.
func TestADamagedFileIsNeverOpened(t *testing.T) {
	file := sealed(t, sample())
	line := bytes.IndexByte(file, '\n') + 1
	for _, cut := range []int{0, 1, line - 2, line, line + 10, line + 150, len(file) - 17, len(file) - 1} {
		if _, err := Open(file[:cut], passphrase); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
			t.Errorf("cut after %d of %d bytes: %v", cut, len(file), err)
		}
	}
	for _, at := range []int{line + 160, len(file) - 40, len(file) - 1} {
		changed := bytes.Clone(file)
		changed[at] ^= 1
		if _, err := Open(changed, passphrase); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
	for from, to := range map[string]string{`"machine":"gate"`: `"machine":"gaze"`, `"software":"1.0"`: `"software":"1.1"`} {
		if _, err := Open(bytes.Replace(file, []byte(from), []byte(to), 1), passphrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s in the first line: %v", to, err)
		}
	}
	if _, err := Open(append(bytes.Clone(file), 0), passphrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestWhatIsNoSuchFileIsToldApart(t *testing.T) {
	for _, file := range []string{"", "{}\n", "hello", `{"format":"vigie-machine","version":1}` + "\n", "\x00\x01\x02", strings.Repeat("x", MaxSize+1)} {
		if _, err := Open([]byte(file), passphrase); !errors.Is(err, ErrForeign) {
			t.Errorf("%.40q: %v", file, err)
		}
	}
	var newer *NewerError
	_, err := Open([]byte(`{"format":"vigie-configuration","version":2,"software":"9.3","machine":"gate","madeMs":1}`+"\nwhatever"), passphrase)
	if !errors.As(err, &newer) || newer.Head.Software != "9.3" {
		t.Errorf("a later version: %v", err)
	}
}

// TestAFileCannotAskForMuchMemory: the cost of the hash is in the file.
func TestAFileCannotAskForMuchMemory(t *testing.T) {
	head, _, _ := bytes.Cut(sealed(t, sample()), []byte("\n"))
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(work + 1)
	var out bytes.Buffer
	out.Write(append(head, '\n'))
	w, err := age.Encrypt(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(out.Bytes(), passphrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestMigrationsLeadUpOneByOne(t *testing.T) {
	d := sample()
	d.Head.Version = 2
	note := func(text string) func(*Document) error {
		return func(d *Document) error {
			d.System = json.RawMessage(strings.TrimSuffix(string(d.System), "]") + text + "]")
			return nil
		}
	}
	d.System = json.RawMessage(`[0]`)
	got, err := migrate(d, []func(*Document) error{note(",1"), note(",2"), note(",3")})
	if err != nil || string(got.System) != `[0,2,3]` || got.Head.Version != 4 {
		t.Errorf("%s, version %d, %v", got.System, got.Head.Version, err)
	}
	broken := func(*Document) error { return errors.New("what was this?") }
	if _, err := migrate(d, []func(*Document) error{broken, broken}); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if len(migrations) != Version-1 {
		t.Errorf("version %d, and %d migrations", Version, len(migrations))
	}
}

// TestFilesOfEachVersionAreRead: files that were made once stay readable.
func TestFilesOfEachVersionAreRead(t *testing.T) {
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", "v1.vigie"), sealed(t, sample()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/v*.vigie")
	if err != nil || len(files) != Version {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Open(file, passphrase); err != nil || d.Head.Version != Version || !strings.Contains(string(d.Engine), "geheim-4711") {
			t.Errorf("%s: %+v, %v", path, d, err)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add(sealed(f, sample()))
	f.Add([]byte(`{"format":"vigie-configuration","version":1}` + "\nage-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 22\n"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		head, err := Look(file)
		if err == nil && (head.Format != format || head.Version != Version) {
			t.Errorf("took %+v", head)
		}
		if len(file) > 4096 { // each try computes a hash
			return
		}
		if d, err := Open(file, "another passphrase"); err == nil {
			t.Errorf("opened %+v", d)
		}
	})
}
