package installer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

const page = 4096

// medium is a sparse disk with a volatile cache: of what was written since the last flush a cut leaves any part, by sector.
type medium struct {
	size  int64
	pages map[int64][]byte // on the disk; those that are not own are shared with others
	own   map[int64]bool
	cache []cached
	left  int   // operations until the power is cut; negative: never
	lie   int64 // a byte that is never what was written; 0: none
}

type cached struct {
	at int64
	b  []byte
}

var errCut = errors.New("the power was cut")

func newMedium() *medium {
	return &medium{size: layout.MinBytes, pages: map[int64][]byte{}, own: map[int64]bool{}, left: -1}
}

func (m *medium) step() error {
	if m.left == 0 {
		return errCut
	}
	m.left--
	return nil
}

func (m *medium) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > m.size {
		return 0, fmt.Errorf("write of %d at %d of %d", len(b), off, m.size)
	}
	if err := m.step(); err != nil {
		return 0, err
	}
	m.cache = append(m.cache, cached{off, bytes.Clone(b)})
	return len(b), nil
}

func (m *medium) Flush() error {
	if err := m.step(); err != nil {
		return err
	}
	for _, c := range m.cache {
		m.store(c.b, c.at)
	}
	m.cache = nil
	return nil
}

var zeros [page]byte

func (m *medium) store(b []byte, off int64) {
	for len(b) > 0 {
		number, within := off/page, off%page
		n := min(int64(len(b)), page-within)
		if p := m.pages[number]; p != nil && !m.own[number] {
			m.pages[number], m.own[number] = bytes.Clone(p), true
		} else if p == nil && !bytes.Equal(b[:n], zeros[:n]) {
			m.pages[number], m.own[number] = make([]byte, page), true
		}
		if p := m.pages[number]; p != nil { // where there are zeros there need be no page
			copy(p[within:], b[:n])
		}
		b, off = b[n:], off+n
	}
}

// ReadAt reads what is on the disk: who reads in order to check must have flushed.
func (m *medium) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= m.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), m.size-off))
	for i := 0; i < n; {
		number, within := (off+int64(i))/page, (off+int64(i))%page
		part := b[i:min(n, i+int(page-within))]
		if p := m.pages[number]; p != nil {
			copy(part, p[within:])
		} else {
			clear(part)
		}
		i += len(part)
	}
	if at := m.lie - off; m.lie != 0 && at >= 0 && at < int64(n) {
		b[at] ^= 1
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// copy is another disk with the same on it, as flushed last.
func (m *medium) copy() *medium {
	c := newMedium()
	c.pages = maps.Clone(m.pages)
	clear(m.own) // shared from now on
	return c
}

// cut is the disk after the power went, by the choice of r.
func (m *medium) cut(r *rand.Rand) *medium {
	after := m.copy()
	how := r.IntN(3)
	for _, c := range m.cache {
		for i := 0; i < len(c.b); i += layout.Sector {
			if how == 1 || how == 2 && r.IntN(2) == 0 { // all, or any
				after.store(c.b[i:min(len(c.b), i+layout.Sector)], c.at+int64(i))
			}
		}
	}
	return after
}

// parts are what a disk is made of, small but for the EFI partition.
type parts struct {
	image   *systemimage.Image
	loaders Loaders
	table   layout.Table
	trusted []ed25519.PublicKey
	key     ed25519.PrivateKey
}

func newParts(t testing.TB) parts {
	t.Helper()
	text, err := systemimage.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := systemimage.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	p := parts{trusted: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, key: key}
	p.image = p.sealed(t, 3<<20, systemimage.Manifest{Version: "1", BuiltS: 5})
	p.loaders = Loaders{Boot: make([]byte, 512), Core: bytes.Repeat([]byte{9}, 40_000), EFI: efi(t)}
	copy(p.loaders.Boot, "boot code")
	p.loaders.Boot[510], p.loaders.Boot[511] = 0x55, 0xaa
	n := byte(0)
	if p.table, err = layout.New(layout.MinBytes, false, func() uuid.UUID { n++; return uuid.UUID{1, 6: 0x40, 8: 0x80, 15: n} }); err != nil {
		t.Fatal(err)
	}
	return p
}

// sealed is an image of the given size.
func (p parts) sealed(t testing.TB, size int, m systemimage.Manifest) *systemimage.Image {
	t.Helper()
	body := bytes.Repeat([]byte(fmt.Sprintf("of %05s ", m.Version)), size/9+1)[:size]
	clear(body[:96])
	copy(body, "hsqs")
	binary.LittleEndian.PutUint16(body[28:], 4)
	binary.LittleEndian.PutUint64(body[40:], uint64(len(body)))
	seal, err := systemimage.Seal(bytes.NewReader(body), int64(len(body)), m, p.key)
	if err != nil {
		t.Fatal(err)
	}
	whole := append(body, seal...)
	image, err := systemimage.Open(bytes.NewReader(whole), int64(len(whole)), p.trusted)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func efi(t testing.TB) io.ReaderAt {
	t.Helper()
	dir := t.TempDir()
	block, err := loader.Block()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "block"), block, 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "efi")
	steps := [][]string{{"mkfs.vfat", "-F", "32", "-s", "1", "-C", image, fmt.Sprint(layout.EFIBytes >> 10)}, {"mmd", "-i", image, "::/boot", "::/boot/grub"}}
	for _, file := range []string{loader.CountFile, loader.Slots0File, loader.Slots1File} {
		steps = append(steps, []string{"mcopy", "-i", image, filepath.Join(dir, "block"), "::" + file})
	}
	for _, s := range steps {
		if out, err := exec.Command(s[0], s[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", s, err, out)
		}
	}
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func (p parts) slots() loader.Slots {
	return loader.Slots{Generation: 1, System: p.table.Disk.String(), First: "a", A: loader.Confirmed, B: loader.Confirmed}
}

// install goes through all steps.
func (p parts) install(ctx context.Context, m *medium) error {
	d := New(m, p.table)
	for _, step := range []func() error{
		func() error { return d.Wipe(ctx) }, d.WriteTable,
		func() error { return d.WriteSlot(ctx, layout.SlotA, p.image, nil) },
		func() error { return d.WriteSlot(ctx, layout.SlotB, p.image, nil) },
		func() error { return d.WriteLoader(ctx, p.loaders, p.slots()) },
		func() error { return d.Activate(p.loaders) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// complete says what is missing of an installation.
func (p parts) complete(m *medium) error {
	table, err := layout.Read(m, m.size)
	if err != nil {
		return err
	}
	for _, role := range []layout.Role{layout.SlotA, layout.SlotB} {
		part, _ := table.Part(role)
		image, err := systemimage.Open(io.NewSectionReader(m, part.Start, part.Size), part.Size, p.trusted)
		if err == nil {
			err = image.Verify(image.Reader(), nil)
		}
		if err != nil {
			return fmt.Errorf("slot %s: %w", role, err)
		}
	}
	part, _ := table.Part(layout.EFI)
	slots, err := Slots(io.NewSectionReader(m, part.Start, part.Size))
	if err != nil {
		return err
	}
	if slots != p.slots() {
		return fmt.Errorf("the states are %+v", slots)
	}
	bios, _ := table.Part(layout.BIOS)
	core := make([]byte, len(p.loaders.Core))
	if _, err := m.ReadAt(core, bios.Start); err != nil || core[0] != 9 {
		return fmt.Errorf("GRUB for BIOS: %v", err)
	}
	return nil
}

// starts says whether firmware would start something from the disk: by BIOS, by UEFI.
func (p parts) starts(m *medium) (bios, uefi bool) {
	sector := make([]byte, layout.Sector)
	_, _ = m.ReadAt(sector, 0)
	bios = bytes.HasPrefix(sector, []byte("boot code"))
	part, _ := p.table.Part(layout.EFI)
	_, _ = m.ReadAt(sector, part.Start)
	return bios, sector[510] == 0x55
}

func TestNothingStartsFromADiskBeforeItIsComplete(t *testing.T) {
	p := newParts(t)
	count := newMedium()
	count.left = 1 << 30
	if err := p.install(t.Context(), count); err != nil {
		t.Fatal(err)
	}
	steps := 1<<30 - count.left
	if err := p.complete(count); err != nil {
		t.Fatalf("without a cut: %v", err)
	}
	if bios, uefi := p.starts(count); !bios || !uefi {
		t.Fatalf("without a cut: starts by BIOS %v, UEFI %v", bios, uefi)
	}
	r := rand.New(rand.NewPCG(1, 2))
	states, started := 0, 0
	for at := range steps {
		m := newMedium()
		m.left = at
		// A disk that something started from before.
		m.store(append([]byte("boot code"), make([]byte, 500)...), 0)
		if err := p.install(t.Context(), m); !errors.Is(err, errCut) {
			t.Fatalf("cut at %d: %v", at, err)
		}
		for range 3 {
			states++
			after := m.cut(r)
			bios, uefi := p.starts(after)
			if at < 2 && !uefi { // the wipe: what was there starts, or nothing does
				continue
			}
			if bios || uefi {
				started++
				if err := p.complete(after); err != nil {
					t.Errorf("cut at %d of %d: starts by BIOS %v, UEFI %v, but: %v", at, steps, bios, uefi, err)
				}
			}
		}
	}
	if started == 0 {
		t.Error("no cut left a disk that starts")
	}
	t.Logf("%d states after a cut at each of %d writes and flushes; %d start", states, steps, started)
}

func TestADiskThatLiesIsNotedBeforeItStarts(t *testing.T) {
	p := newParts(t)
	for role, at := range map[layout.Role]int64{layout.SlotA: 2 << 20, layout.SlotB: page, layout.EFI: 600_000, layout.BIOS: 30_000} {
		m := newMedium()
		part, _ := p.table.Part(role)
		m.lie = part.Start + at
		if err := p.install(t.Context(), m); !errors.Is(err, ErrReadBack) {
			t.Errorf("%s: %v", role, err)
		}
		if bios, uefi := p.starts(m); bios || uefi {
			t.Errorf("%s: starts by BIOS %v, UEFI %v", role, bios, uefi)
		}
	}
}

// TestADamagedSourceIsToldFromABadDisk: whose fault it is decides what a person does next.
func TestADamagedSourceIsToldFromABadDisk(t *testing.T) {
	p := newParts(t)
	whole := make([]byte, p.image.Size())
	if _, err := io.ReadFull(p.image.Reader(), whole); err != nil {
		t.Fatal(err)
	}
	source, err := systemimage.Open(bytes.NewReader(whole), int64(len(whole)), p.trusted)
	if err != nil {
		t.Fatal(err)
	}
	whole[100_000] ^= 1
	d := New(newMedium(), p.table)
	for name, err := range map[string]error{
		"an installation": d.WriteSlot(t.Context(), layout.SlotA, source, nil),
		"an update":       d.FillSlot(t.Context(), layout.SlotA, p.image, bytes.NewReader(whole), nil),
	} {
		if !errors.Is(err, systemimage.ErrDamaged) || errors.Is(err, ErrReadBack) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSlotIsNobodysWhileItIsWritten(t *testing.T) {
	p := newParts(t)
	m := newMedium()
	if err := p.install(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	part, _ := p.table.Part(layout.SlotB)
	ctx, cancel := context.WithCancel(t.Context())
	var seen []error
	err := New(m, p.table).WriteSlot(ctx, layout.SlotB, p.image, func(done int64) {
		_, err := systemimage.Open(io.NewSectionReader(m, part.Start, part.Size), part.Size, p.trusted)
		seen = append(seen, err)
		if done > p.image.Size() {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(seen) < 2 {
		t.Errorf("%v after %d steps", err, len(seen))
	}
	for _, err := range seen {
		if !errors.Is(err, systemimage.ErrNotImage) {
			t.Errorf("while it was written the slot was one: %v", err)
		}
	}
	if err := New(m, p.table).WriteSlot(t.Context(), layout.Data, p.image, nil); err == nil {
		t.Error("written to a partition that there is not")
	}
}
