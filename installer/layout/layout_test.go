package layout

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// ids makes ids that are the same in each run.
func ids() func() uuid.UUID {
	n := byte(0)
	return func() uuid.UUID { n++; return uuid.UUID{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 15: n} }
}

// onDisk writes a table as the installer does, into a sparse file.
func onDisk(t testing.TB, table Table) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(table.Bytes); err != nil {
		t.Fatal(err)
	}
	for at, b := range map[int64][]byte{0: table.MBR(PassOn()), Sector: table.Head(), table.Bytes - TailBytes: table.Tail()} {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestTableComesBackFromEitherCopy(t *testing.T) {
	for _, size := range []int64{MinBytes, 4e9 / Sector * Sector, 8 << 40} {
		for _, data := range []bool{false, size > MinBytes} {
			want, err := New(size, data, ids())
			if err != nil {
				t.Fatal(err)
			}
			f := onDisk(t, want)
			for name, at := range map[string]int64{"first": Sector, "second": size - Sector} {
				got, err := Read(f, size)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%d: without the %s copy: %v %s", size, name, err, diff)
				}
				if _, err := f.WriteAt(make([]byte, Sector), at); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Read(f, size); !errors.Is(err, ErrNoSystem) {
				t.Errorf("%d: without any copy: %v", size, err)
			}
		}
	}
}

func TestPartitionsAreAsTheREADMESays(t *testing.T) {
	table, err := New(20e9/Sector*Sector, true, ids())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range table.Parts {
		got = append(got, fmt.Sprintf("%d %s %d+%d", p.Number(), p.Role, p.Start/mib, p.Size/mib))
	}
	want := []string{"1 bios 1+2", "2 efi 3+64", "3 a 67+512", "4 b 579+512", "5 state 1091+1024", "6 data 2115+16957"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := table.Part("none"); ok {
		t.Error("a partition for nothing")
	}
	for _, c := range []struct {
		size int64
		data bool
	}{{MinBytes - Sector, false}, {MinBytes, true}, {0, false}} {
		if _, err := New(c.size, c.data, ids()); err == nil {
			t.Errorf("%+v: laid out", c)
		}
	}
}

// TestOthersReadOurTable: sfdisk, which knows GPT, finds nothing wrong and the same partitions.
func TestOthersReadOurTable(t *testing.T) {
	table, err := New(6e9/Sector*Sector, true, ids())
	if err != nil {
		t.Fatal(err)
	}
	f := onDisk(t, table)
	out, err := exec.Command("sfdisk", "--verify", f.Name()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No errors") {
		t.Fatalf("sfdisk: %v: %s", err, out)
	}
	out, err = exec.Command("sfdisk", "--dump", f.Name()).CombinedOutput()
	if err != nil {
		t.Fatalf("sfdisk: %v: %s", err, out)
	}
	dump := strings.ToLower(string(out))
	for i, p := range table.Parts {
		for _, want := range []string{
			fmt.Sprintf("start=%12d, size=%12d, type=%s, uuid=%s", p.Start/Sector, p.Size/Sector, kinds()[i].code, p.ID),
			strings.ToLower(`name="` + kinds()[i].name + `"`),
		} {
			if !strings.Contains(dump, want) {
				t.Errorf("no %s in:\n%s", want, dump)
			}
		}
	}
	if !strings.Contains(dump, "label-id: "+table.Disk.String()) {
		t.Errorf("no %s in:\n%s", table.Disk, dump)
	}
}

func TestOtherTablesAreNotOurs(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 3 << 30
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(f, size); !errors.Is(err, ErrNoSystem) {
		t.Errorf("blank: %v", err)
	}
	for _, script := range []string{
		"label: gpt\nsize=100M, type=U\nsize=500M, type=L\n",
		"label: gpt\nsize=2M, type=21686148-6449-6E6F-744E-656564454649\n",
		"label: dos\nsize=100M, type=83\n",
	} {
		cmd := exec.Command("sfdisk", f.Name())
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sfdisk: %v: %s", err, out)
		}
		if _, err := Read(f, size); !errors.Is(err, ErrNoSystem) {
			t.Errorf("%q: %v", script, err)
		}
	}
	if _, err := Read(f, 100); !errors.Is(err, ErrNoSystem) {
		t.Errorf("tiny: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	table, err := New(MinBytes+leastData, true, ids())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(table.Head(), int64(table.Bytes))
	f.Add(table.Head()[:600], int64(table.Bytes))
	f.Add([]byte("EFI PART"), int64(1<<20))
	f.Fuzz(func(t *testing.T, head []byte, size int64) {
		disk := headOnly{append(make([]byte, Sector), head...), size}
		got, err := Read(disk, size)
		if err != nil {
			return
		}
		if err := got.check(); err != nil {
			t.Errorf("%+v: %v", got, err)
		}
		for _, p := range got.Parts {
			if p.Start+p.Size > size {
				t.Errorf("%+v ends beyond the disk's %d bytes", p, size)
			}
		}
	})
}

// headOnly is a disk of which only the beginning is not zeros.
type headOnly struct {
	head []byte
	size int64
}

func (d headOnly) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > d.size {
		return 0, errors.New("beyond the end")
	}
	clear(b)
	if off < int64(len(d.head)) {
		copy(b, d.head[off:])
	}
	return len(b), nil
}
