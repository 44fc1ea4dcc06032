package bootentry

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"vigie/installer/layout"
)

// firmware has variables in a folder, as efivarfs shows them, and notes what is written while it is unlocked.
func firmware(t *testing.T, variables map[string]string) (f Firmware, unlocked *int) {
	t.Helper()
	f.Folder, unlocked = t.TempDir(), new(int)
	for name, value := range variables {
		b, err := hex.DecodeString(strings.ReplaceAll(value, " ", ""))
		if err == nil {
			err = os.WriteFile(filepath.Join(f.Folder, name+vendor), append([]byte{7, 0, 0, 0}, b...), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Unlock = func() (func() error, error) { *unlocked++; return func() error { return nil }, nil }
	return f, unlocked
}

func disk(t *testing.T, serial string, first byte) Disk {
	t.Helper()
	n := first
	table, err := layout.New(8<<30, false, func() uuid.UUID { n++; return uuid.UUID{n, 1, 2, 3, 4, 5, 0x46, 7, 0x88} })
	if err != nil {
		t.Fatal(err)
	}
	return Disk{serial, table}
}

func (f Firmware) has(t *testing.T, want ...uint16) {
	t.Helper()
	if got, err := f.order(); err != nil || !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v (%v)", got, want, err)
	}
}

const shell = "01000000 0400 5300 0000 7fff0400"

func TestADiskIsOfferedFirstAndTheOthersStay(t *testing.T) {
	f, unlocked := firmware(t, map[string]string{"Boot0000": shell, "Boot0002": shell, "BootOrder": "0200 0000"})
	for range 2 { // the second time there is nothing to write
		if err := f.Offer(disk(t, "S1", 1), true); err != nil {
			t.Fatal(err)
		}
	}
	f.has(t, 1, 2, 0)
	if *unlocked != 1 {
		t.Errorf("it was written to %d times, want once", *unlocked)
	}
	if got, _ := f.read("Boot0000"); hex.EncodeToString(got) != strings.ReplaceAll(shell, " ", "") {
		t.Errorf("another entry became %x", got)
	}
	// Installed again: other partitions, the same entry.
	if err := f.Offer(disk(t, "S1", 100), true); err != nil {
		t.Fatal(err)
	}
	f.has(t, 1, 2, 0)
	got, err := f.read("Boot0001")
	if part, _ := disk(t, "S1", 100).Table.Part(layout.EFI); err != nil || !slices.Equal(got, option("Vigie on S1", part)) {
		t.Errorf("its entry is %x (%v)", got, err)
	}
}

func TestASecondSystemDiskComesBehindTheFirst(t *testing.T) {
	f, _ := firmware(t, map[string]string{"Boot0000": shell, "BootOrder": "0000"})
	for _, offer := range []struct {
		serial string
		first  bool
	}{{"A", true}, {"B", false}, {"C", false}, {"B", false}} {
		if err := f.Offer(disk(t, offer.serial, 1), offer.first); err != nil {
			t.Fatal(err)
		}
	}
	f.has(t, 1, 2, 3, 0)
	alone, _ := firmware(t, map[string]string{"Boot0000": shell, "BootOrder": "0000"})
	if err := alone.Offer(disk(t, "B", 1), false); err != nil {
		t.Fatal(err)
	}
	alone.has(t, 0, 1)
}

func TestFirmwareWithoutEntriesAndWithoutUEFI(t *testing.T) {
	f, _ := firmware(t, nil)
	if err := f.Offer(disk(t, "A", 1), true); err != nil {
		t.Fatal(err)
	}
	f.has(t, 0)
	none := Firmware{Folder: filepath.Join(t.TempDir(), "none"), Unlock: func() (func() error, error) { t.Error("it is unlocked"); return nil, nil }}
	if err := none.Offer(disk(t, "A", 1), true); err != nil {
		t.Error(err)
	}
	cut, unlocked := firmware(t, nil)
	if err := os.WriteFile(filepath.Join(cut.Folder, "Boot0000"+vendor), []byte{7}, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := cut.Offer(disk(t, "A", 1), true); err == nil || *unlocked != 0 {
		t.Errorf("over a variable that is cut short: %v, written %d times", err, *unlocked)
	}
}

// TestTheEntryIsAsUEFIHasIt holds the bytes against UEFI 2.10, 3.1.3, 10.3.5.1 and 10.3.5.4.
func TestTheEntryIsAsUEFIHasIt(t *testing.T) {
	part := layout.Partition{Role: layout.EFI, ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), Start: 3 << 20, Size: 64 << 20}
	want := "01000000" + "5e00" + hex.EncodeToString(wide("V")) +
		"0401 2a00 02000000 0018000000000000 0000020000000000 33221100 5544 7766 8899aabbccddeeff 02 02" +
		"0404 3000" + hex.EncodeToString(wide(`\EFI\BOOT\BOOTX64.EFI`)) + "7fff0400"
	if got := hex.EncodeToString(option("V", part)); got != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", got, strings.ReplaceAll(want, " ", ""))
	}
}

func FuzzDescribe(f *testing.F) {
	for _, seed := range []string{"", shell, "01000000 0400 5300"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(seed, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := describe(b); len(s) > 3*len(b) {
			t.Errorf("%d bytes describe %q", len(b), s)
		}
	})
}
