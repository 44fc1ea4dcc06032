package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testDep = `kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/arch/x86/crypto/crc32c-intel.ko.xz:
kernel/crypto/crc32c_generic.ko.xz:
kernel/drivers/net/ethernet/realtek/r8169.ko.xz: kernel/drivers/net/mdio.ko.xz
kernel/drivers/net/mdio.ko.xz:
kernel/drivers/net/phy/realtek.ko.xz: kernel/drivers/net/mdio.ko.xz
kernel/a/one.ko.xz: kernel/a/two.ko.xz
kernel/a/two.ko.xz: kernel/a/one.ko.xz
`
	testSoftdep = `# Soft dependencies extracted from modules themselves.
softdep libcrc32c pre: crc32c
softdep r8169 pre: realtek
softdep one pre: platform:nothing post: absent
`
	testAlias = `alias crc32c crc32c_intel
alias crc32c crc32c_generic
alias pci:v000010ECd00008168sv*sd*bc*sc*i* r8169
`
)

func TestClosure(t *testing.T) {
	x, err := parseIndex(testDep, testSoftdep, testAlias)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want []string
	}{
		{"mdio", []string{"kernel/drivers/net/mdio.ko.xz"}},
		// A soft dependency that is an alias brings all who answer to it.
		{"xfs", []string{"kernel/arch/x86/crypto/crc32c-intel.ko.xz", "kernel/crypto/crc32c_generic.ko.xz", "kernel/fs/xfs/xfs.ko.xz", "kernel/lib/libcrc32c.ko.xz"}},
		{"r8169", []string{"kernel/drivers/net/ethernet/realtek/r8169.ko.xz", "kernel/drivers/net/mdio.ko.xz", "kernel/drivers/net/phy/realtek.ko.xz"}},
		// Two modules that need each other.
		{"two", []string{"kernel/a/one.ko.xz", "kernel/a/two.ko.xz"}},
	} {
		if diff := cmp.Diff(c.want, x.closure([]string{c.name, c.name})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestParseIndexRefusesGarbage(t *testing.T) {
	if _, err := parseIndex("no colon\n", "", ""); err == nil {
		t.Error("no error")
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add(testDep, testSoftdep, testAlias)
	f.Fuzz(func(t *testing.T, dep, softdep, alias string) {
		x, err := parseIndex(dep, softdep, alias)
		if err != nil {
			return
		}
		all := x.closure(x.names())
		if len(all) != len(x.file) || !slices.IsSorted(all) {
			t.Errorf("the closure of all %d modules has %d", len(x.file), len(all))
		}
	})
}

// TestSelect reads a kernel package as Debian makes them, but without modules' contents: the index is there already.
func TestSelect(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"boot/vmlinuz-6.12.1-amd64":                    "",
		"usr/lib/modules/6.12.1-amd64/modules.dep":     testDep,
		"usr/lib/modules/6.12.1-amd64/modules.softdep": testSoftdep,
		"usr/lib/modules/6.12.1-amd64/modules.alias":   testAlias,
		"usr/lib/modules/6.12.1-amd64/modules.builtin": "kernel/drivers/virtio/virtio-pci.ko\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if k.Release != "6.12.1-amd64" {
		t.Errorf("release %q", k.Release)
	}
	got, err := k.Select([]string{"drivers/net/phy/", "virtio_pci", "crc32c_intel", "crc32c-generic"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kernel/arch/x86/crypto/crc32c-intel.ko.xz", "kernel/crypto/crc32c_generic.ko.xz",
		"kernel/drivers/net/mdio.ko.xz", "kernel/drivers/net/phy/realtek.ko.xz"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, absent := range []string{"nosuch", "drivers/net/ph/", "drivers/net"} {
		if _, err := k.Select([]string{absent}); err == nil {
			t.Errorf("%s: no error", absent)
		}
	}
}
