package probe

import (
	"bytes"
	"hash/crc32"
	"slices"
)

// partitions reads the partition table. known is what was found on the disk itself: a file system's boot sector looks
// like an MBR, so an MBR beside a file system counts only when it is a hybrid image's.
func (d *disk) partitions(known []Content) ([]Content, []Part) {
	for _, sector := range []int64{512, 4096} {
		if parts, ok := d.gpt(sector, sector); ok {
			return []Content{{Kind: "gpt", Name: "GPT partition table"}}, parts
		}
	}
	for _, sector := range []int64{512, 4096} {
		if parts, ok := d.gpt(d.size/sector*sector-sector, sector); ok {
			// The first one is gone, but what the second one describes is still there.
			return []Content{{Kind: "gpt", Name: "GPT partition table (backup copy only)"}}, parts
		}
	}
	if slices.ContainsFunc(known, func(c Content) bool { return c.Kind != "iso9660" }) {
		return nil, nil
	}
	if parts, ok := d.mbr(); ok {
		return []Content{{Kind: "mbr", Name: "MBR partition table"}}, parts
	}
	return nil, nil
}

// gpt reads the header at off (UEFI specification, 5.3.2) and its entries. A header with a wrong checksum counts as a
// table without readable entries: it is still somebody's.
func (d *disk) gpt(off, sector int64) ([]Part, bool) {
	h := d.at(off, 512)
	if h == nil || string(h[:8]) != "EFI PART" {
		return nil, false
	}
	length := le.Uint32(h[12:])
	if length < 92 || length > 512 {
		return nil, true
	}
	sum := le.Uint32(h[16:])
	clean := bytes.Clone(h[:length])
	clear(clean[16:20])
	first, count, entry := le.Uint64(h[72:]), le.Uint32(h[80:]), le.Uint32(h[84:])
	if crc32.ChecksumIEEE(clean) != sum || entry < 128 || entry > 4096 || count > 1024 || first > uint64(d.size/sector) {
		return nil, true
	}
	entries := d.at(int64(first)*sector, int(count*entry))
	var parts []Part
	for i := 0; (i+1)*int(entry) <= len(entries) && len(parts) < maxParts; i++ {
		e := entries[i*int(entry):]
		from, to := le.Uint64(e[32:]), le.Uint64(e[40:])
		if uuid(e[:16]) == "" || to < from || to >= uint64(d.size/sector) {
			continue
		}
		parts = append(parts, Part{Number: i + 1, Start: int64(from) * sector, Size: int64(to-from+1) * sector})
	}
	return parts, true
}

// mbr reads the four primary entries and the chain of logical ones.
func (d *disk) mbr() ([]Part, bool) {
	entries, ok := d.mbrSector(0)
	if !ok {
		return nil, false
	}
	var parts []Part
	for i, e := range entries {
		if e.kind == 0 {
			continue
		}
		if e.extended() {
			parts = append(parts, d.logical(e.start)...)
			continue
		}
		parts = append(parts, Part{Number: i + 1, Start: e.start, Size: e.size})
	}
	parts = slices.DeleteFunc(parts, func(p Part) bool { return p.Start <= 0 || p.Size <= 0 || p.Start+p.Size > d.size })
	return parts, len(parts) > 0 || slices.ContainsFunc(entries, func(e mbrEntry) bool { return e.kind != 0 })
}

func (d *disk) logical(base int64) []Part {
	var parts []Part
	next := base
	for number := 5; number < 5+maxParts; number++ { // a chain that bites its tail ends here
		entries, ok := d.mbrSector(next)
		if !ok || entries[0].kind == 0 {
			break
		}
		parts = append(parts, Part{Number: number, Start: next + entries[0].start, Size: entries[0].size})
		if !entries[1].extended() {
			break
		}
		next = base + entries[1].start
	}
	return parts
}

type mbrEntry struct {
	kind        byte
	start, size int64
}

func (e mbrEntry) extended() bool { return e.kind == 0x05 || e.kind == 0x0f || e.kind == 0x85 }

// mbrSector reads one table; entries that no table has make it none.
func (d *disk) mbrSector(off int64) ([]mbrEntry, bool) {
	b := d.at(off, 512)
	if b == nil || b[510] != 0x55 || b[511] != 0xaa {
		return nil, false
	}
	out := make([]mbrEntry, 4)
	for i := range out {
		e := b[446+16*i : 462+16*i]
		if e[0]&0x7f != 0 {
			return nil, false
		}
		out[i] = mbrEntry{e[4], int64(le.Uint32(e[8:])) * 512, int64(le.Uint32(e[12:])) * 512}
		if out[i].start+out[i].size > d.size { // a copy onto a smaller disk
			out[i].size = max(0, d.size-out[i].start)
		}
	}
	return out, true
}
