package probe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

const small = 4 * mib

// piece is bytes at an offset; a negative offset counts from the end.
type piece struct {
	off  int64
	data string
}

func disked(pieces []piece) []byte {
	b := make([]byte, small)
	for _, p := range pieces {
		if p.off < 0 {
			p.off += small
		}
		copy(b[p.off:], p.data)
	}
	return b
}

func u64(v uint64) string { return string(le.AppendUint64(nil, v)) }
func u32(v uint32) string { return string(le.AppendUint32(nil, v)) }

func raw(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Laid out by hand from the formats' documents, for what no program here writes.
var layouts = []struct {
	want   Content
	pieces []piece
}{
	{Content{"btrfs", "Btrfs file system", "pool", id}, []piece{{64<<10 + 64, "_BHRfS_M"}, {64<<10 + 32, raw(id)}, {64<<10 + 299, "pool"}}},
	{Content{"luks", "LUKS encrypted data", "", id}, []piece{{0, "LUKS\xba\xbe\x00\x01"}, {168, id}}},
	{Content{"luks", "LUKS encrypted data", "crypt", id}, []piece{{0, "LUKS\xba\xbe\x00\x02"}, {24, "crypt"}, {168, id}}},
	{Content{"lvm", "LVM physical volume", "", "abcdefghijklmnopqrstuvwxyz012345"}, []piece{{512, "LABELONE"}, {512 + 24, "LVM2 001abcdefghijklmnopqrstuvwxyz012345"}}},
	{Content{"md", `member 1 of 2 of RAID 1 "0" of box (metadata 1.2)`, "", id}, superblock(4096, md1{name: "box:0", level: 1, devices: 2, roles: []uint16{0, 1}})},
	{Content{"md", `spare of RAID 5 (metadata 1.0)`, "", id}, superblock(-8192, md1{level: 5, devices: 3, number: 3, roles: []uint16{0, 1, 2, 0xffff}})},
	{Content{"md", `former member of RAID 6 "cam" (metadata 1.1)`, "", id}, superblock(0, md1{name: "cam", level: 6, devices: 4, number: 9, roles: []uint16{0}})},
	{Content{"md", "Linux RAID member (metadata 0.90)", "", id},
		[]piece{{-64 << 10, u32(mdMagic)}, {-64<<10 + 20, raw(id)[:4]}, {-64<<10 + 52, raw(id)[4:]}}},
	{Content{"zfs", "ZFS pool member", "", ""}, []piece{{128<<10 + 3072, u64(0x00bab10c)}}},
	{Content{"zfs", "ZFS pool member", "", ""}, []piece{{-128 << 10, string(binary.BigEndian.AppendUint64(nil, 0x00bab10c))}}},
	{Content{"ntfs", "NTFS file system", "", "0123456789ABCDEF"}, []piece{{3, "NTFS    "}, {72, u64(0x0123456789abcdef)}, {510, "\x55\xaa"}}},
	{Content{"exfat", "exFAT file system", "", "1234-ABCD"}, []piece{{3, "EXFAT   "}, {100, u32(0x1234abcd)}, {510, "\x55\xaa"}}},
	{Content{"bitlocker", "BitLocker encrypted data", "", ""}, []piece{{3, "-FVE-FS-"}, {510, "\x55\xaa"}}},
	{Content{"iso9660", "ISO 9660 file system", "VIGIE", ""}, []piece{{32 << 10, "\x01CD001\x01"}, {32<<10 + 40, "VIGIE                           "}}},
	{Content{"vmfs", "VMFS volume", "", ""}, []piece{{1 << 20, "\x0d\xd0\x01\xc0"}}},
	{Content{"imsm", "member of an Intel firmware RAID", "", ""}, []piece{{-1024, "Intel Raid ISM Cfg Sig. 1.3.00"}}},
	{Content{"ddf", "member of a firmware RAID (DDF)", "", ""}, []piece{{-512, "\xde\x11\xde\x11"}}},
	{Content{"f2fs", "F2FS file system", "", id}, []piece{{1024, u32(0xf2f52010)}, {1024 + 108, raw(id)}}},
	{Content{"apfs", "APFS container", "", ""}, []piece{{32, "NXSB"}}},
	{Content{"hfsplus", "HFS+ file system", "", ""}, []piece{{1024, "H+\x00\x04"}}},
	{Content{"xfs", "XFS file system", "a[2Jb", ""}, []piece{{0, "XFSB"}, {108, "a\x1b[2Jb\xff"}}},
}

func TestLayoutsAreRecognised(t *testing.T) {
	for _, c := range layouts {
		t.Run(c.want.Name, func(t *testing.T) {
			res, err := Probe(bytes.NewReader(disked(c.pieces)), small)
			if err != nil || len(res.Contents) != 1 || res.Contents[0] != c.want || res.Blank {
				t.Errorf("got %+v, %v; want %+v", res, err, c.want)
			}
		})
	}
}

// FuzzProbe puts foreign bytes where formats look: at the start, at the known offsets and at the end.
func FuzzProbe(f *testing.F) {
	for _, c := range layouts {
		for _, p := range c.pieces {
			f.Add([]byte(p.data), p.off)
		}
	}
	f.Add([]byte("EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00"), int64(512))
	f.Add([]byte("\x00\x01\x01\x00\x05\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff"), int64(446))
	disk := make([]byte, small)
	f.Fuzz(func(t *testing.T, b []byte, off int64) {
		off = ((off % small) + small) % small
		n := copy(disk[off:], b)
		disk[510], disk[511] = 0x55, 0xaa
		defer func() { clear(disk[off:][:n]); clear(disk[510:512]) }()
		res, err := Probe(bytes.NewReader(disk), small)
		if err != nil {
			t.Fatalf("reading memory: %v", err)
		}
		if res.Blank {
			t.Fatal("blank with a boot signature")
		}
		for _, p := range res.Parts {
			if p.Start < 0 || p.Size < 0 || p.Start+p.Size > small {
				t.Fatalf("partition outside the disk: %+v", p)
			}
		}
		if s := res.Describe(); strings.ContainsAny(s, "\x00\x1b\n") {
			t.Fatalf("described as %q", s)
		}
	})
}
