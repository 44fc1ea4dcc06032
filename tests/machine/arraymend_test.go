//go:build whole

package machine

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
)

// mendsArray starts the machine in rescue mode, with a disk of the array films missing and its file system damaged. No array runs
// there before a person wants it, and that one only on his word. He has its volume checked and repaired, and the machine restart.
func (b *bench) mendsArray(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	p := b.rescue(ctx, t)
	const menu = `Rescue mode: nothing is recorded\. The network is off[^$]*?Choice: `

	// What wants all volumes has the arrays started: the whole one, the other not without a yes. There is nothing on the first.
	p.steps(menu, "6", `Array films:\s+Of\s+its\s+4\s+disks\s+number\s+3\s+is\s+missing\.\s+Disk\s+DATA1\s+was\s+away`, "", `leaves it out: `, "no\r",
		`array films, RAID 5, 3 of 4 disks: stopped`, "", `No volume is mounted[^$]*Press a key`, " ")

	p.steps(menu, "4")
	text := b.VM.Console().Text()
	for what, there := range map[string]bool{`Array pair is started`: true, `array pair: runs with 2 of 2 disks`: true, `array films: runs`: false} {
		if regexp.MustCompile(what).MatchString(text) != there {
			t.Errorf("%s: want %v", what, there)
		}
	}
	p.steps(`Choice: `, p.read(`(\S)  array films, RAID 5, 3 of 4 disks: stopped`)[1], `1  Start[^$]*?Choice: `, "1", `may\s+take\s+everything\s+with\s+it`, "", `goes back: `, "yes\r", `It runs\.[^$]*Press a key`, " ")

	volume := func() (key string) {
		for key == "" { // it is there in a moment
			p.steps(menu, "4")
			if key = p.read(`(\S)  volume [^\n]+ on RAID-|No volume is found[^$]*Press a key`)[1]; key == "" {
				p.steps("", " ")
			}
		}
		return key
	}
	p.steps(`Choice: `, volume(), `1  Check: nothing is changed[^$]*?Choice: `, "1", `It was checked, and its file system is damaged\.[^$]*Press a key`, " ")
	p.steps(`Choice: `, volume(), `2  Repair what a check[^$]*?Choice: `, "2", `The file system is repaired`, "", `goes back: `, "yes\r", `It was damaged, and has been repaired\.[^$]*Press a key`, " ")
	p.steps(`volume Films: mounted at`, "", `Choice: `, "r", `goes back: `, "yes\r", `The machine is restarting`, "", `administrator is set`, "", `\n`, "")
	b.connect(ctx, t)
}

// damageArray overwrites the header of the free space (AGF) of the first of the file system's groups, on the RAID 5 with this UUID,
// whose first block is on its first member, and puts the parity right, so that it alone is damaged: with the third member missing, as
// with all.
func (b *bench) damageArray(t *testing.T, array string) {
	t.Helper()
	id, err := uuid.Parse(array)
	if err != nil {
		t.Fatal(err)
	}
	first, parity := b.member(t, id, 0), b.member(t, id, 3)
	defer first.Close()
	defer parity.Close()
	const agf = 512 // one sector after the superblock
	head, code := first.at(t, 0), parity.at(t, agf)
	if string(head[:4]) != "XFSB" || binary.BigEndian.Uint16(head[102:]) != agf || string(first.at(t, agf)[:4]) != "XAGF" {
		t.Fatalf("no file system begins on %s: %q", first.Name(), head[:4])
	}
	for i, c := range first.at(t, agf) {
		code[i] ^= c
	}
	first.put(t, agf, make([]byte, agf))
	parity.put(t, agf, code)
}

// member is the disk image with a member of an array of four (metadata 1.2), and where the array's data begins on it.
type member struct {
	*os.File
	begins int64
}

// member opens the image of the member at a position, counted from 0; of several the one that is current.
func (b *bench) member(t *testing.T, array uuid.UUID, position uint16) (m member) {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(filepath.Dir(b.ConsoleLog()), "data*.raw"))
	if err != nil {
		t.Fatal(err)
	}
	le, newest := binary.LittleEndian, uint64(0)
	for _, name := range images {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		super := member{f, 4096}.at(t, 0)
		number, events := le.Uint32(super[160:]), le.Uint64(super[200:])
		if !bytes.Equal(super[16:32], array[:]) || number >= 64 || le.Uint16(super[256+2*number:]) != position || le.Uint32(super[92:]) != 4 || events < newest {
			f.Close()
			continue
		}
		if m.File != nil {
			m.Close()
		}
		m, newest = member{f, int64(le.Uint64(super[128:])) * 512}, events
	}
	if m.File == nil {
		t.Fatalf("member %d of array %v is on none of %q", position, array, images)
	}
	return m
}

// at reads a sector.
func (m member) at(t *testing.T, offset int64) []byte {
	t.Helper()
	b := make([]byte, 512)
	if _, err := m.ReadAt(b, m.begins+offset); err != nil {
		t.Fatal(err)
	}
	return b
}

func (m member) put(t *testing.T, offset int64, b []byte) {
	t.Helper()
	if _, err := m.WriteAt(b, m.begins+offset); err != nil {
		t.Fatal(err)
	}
}
