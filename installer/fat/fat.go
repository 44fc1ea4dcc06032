// Package fat finds where a file lies in a FAT32 file system (Microsoft, FAT32 File System Specification 1.03), so that
// its content can be written in place without the file system being mounted. It reads, and never writes.
//
// Names are those of eight and three characters, whatever the case. What is read may be anybody's: a chain of clusters
// that leads out of the file system or bites its tail is an error. Everything here is data.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Extent is a run of bytes of a file, by where they lie.
type Extent struct{ Start, Size int64 }

var (
	// ErrDamaged is wrapped when the file system is none, or contradicts itself.
	ErrDamaged = errors.New("no FAT32 file system, or a damaged one")
	// ErrNotFound is wrapped when there is no such file.
	ErrNotFound = errors.New("no such file")
)

const (
	dirEntry     = 32
	maxFolder    = 1 << 16 // bytes of a folder that are read
	attrVolume   = 0x08    // also of the parts of long names
	attrFolder   = 0x10
	endOfChain   = 0x0ffffff8
	clusterMask  = 0x0fffffff
	firstCluster = 2
)

type volume struct {
	r            io.ReaderAt
	clusterBytes int64
	fat, data    int64 // where they begin
	clusters     uint32
	root         uint32
}

// Find returns where the file at path lies, in order, and its length. Extents cover the length, not the last cluster.
func Find(r io.ReaderAt, path string) ([]Extent, int64, error) {
	v, err := open(r)
	if err != nil {
		return nil, 0, err
	}
	cluster, size := v.root, int64(0)
	names := strings.Split(strings.Trim(path, "/"), "/")
	for i, name := range names {
		content, err := v.folder(cluster)
		if err != nil {
			return nil, 0, err
		}
		entry := lookUp(content, name)
		if entry == nil || (entry[11]&attrFolder != 0) != (i < len(names)-1) {
			return nil, 0, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		le := binary.LittleEndian
		cluster = uint32(le.Uint16(entry[20:]))<<16 | uint32(le.Uint16(entry[26:]))
		size = int64(le.Uint32(entry[28:]))
	}
	if size == 0 {
		return nil, 0, nil
	}
	extents, err := v.extents(cluster, size)
	return extents, size, err
}

func open(r io.ReaderAt) (*volume, error) {
	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("read FAT: %w", err)
	}
	le := binary.LittleEndian
	sector, perCluster := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, copies, fatSectors, total := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint32(b[36:])), int64(le.Uint32(b[32:]))
	if b[510] != 0x55 || b[511] != 0xaa || sector != 512 || perCluster == 0 || perCluster&(perCluster-1) != 0 ||
		le.Uint16(b[22:]) != 0 || reserved == 0 || copies == 0 || fatSectors == 0 {
		return nil, ErrDamaged
	}
	data := reserved + copies*fatSectors
	clusters := (total - data) / perCluster
	if total <= data || clusters < 1 || (clusters+firstCluster)*4 > fatSectors*sector {
		return nil, ErrDamaged
	}
	return &volume{
		r: r, clusterBytes: perCluster * sector, fat: reserved * sector, data: data * sector,
		clusters: uint32(clusters), root: le.Uint32(b[44:]) & clusterMask,
	}, nil
}

// next follows the chain; more is false at its end.
func (v *volume) next(cluster uint32) (next uint32, more bool, err error) {
	var b [4]byte
	if _, err := v.r.ReadAt(b[:], v.fat+int64(cluster)*4); err != nil {
		return 0, false, fmt.Errorf("read FAT: %w", err)
	}
	next = binary.LittleEndian.Uint32(b[:]) & clusterMask
	if next >= endOfChain {
		return 0, false, nil
	}
	return next, true, nil
}

// extents returns where the first size bytes of a chain lie.
func (v *volume) extents(cluster uint32, size int64) ([]Extent, error) {
	var out []Extent
	for n := uint32(0); ; n++ {
		if cluster < firstCluster || cluster-firstCluster >= v.clusters || n > v.clusters {
			return nil, ErrDamaged
		}
		at := v.data + int64(cluster-firstCluster)*v.clusterBytes
		part := min(size, v.clusterBytes)
		if last := len(out) - 1; last >= 0 && out[last].Start+out[last].Size == at {
			out[last].Size += part
		} else {
			out = append(out, Extent{at, part})
		}
		if size -= part; size == 0 {
			return out, nil
		}
		next, more, err := v.next(cluster)
		if err != nil {
			return nil, err
		}
		if !more {
			return nil, ErrDamaged
		}
		cluster = next
	}
}

// folder reads the beginning of a folder, whose length is that of its chain.
func (v *volume) folder(cluster uint32) ([]byte, error) {
	var content []byte
	for len(content) < maxFolder {
		part, err := v.extents(cluster, v.clusterBytes)
		if err != nil {
			return nil, err
		}
		b := make([]byte, v.clusterBytes)
		if _, err := v.r.ReadAt(b, part[0].Start); err != nil {
			return nil, fmt.Errorf("read FAT: %w", err)
		}
		content = append(content, b...)
		next, more, err := v.next(cluster)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		cluster = next
	}
	return content, nil
}

// lookUp returns the entry of a name, or nil.
func lookUp(content []byte, name string) []byte {
	stem, extension, _ := strings.Cut(strings.ToUpper(name), ".")
	for ; len(content) >= dirEntry; content = content[dirEntry:] {
		e := content[:dirEntry]
		if e[0] == 0 {
			return nil
		}
		if e[0] == 0xe5 || e[11]&attrVolume != 0 {
			continue
		}
		if strings.TrimRight(string(e[:8]), " ") == stem && strings.TrimRight(string(e[8:11]), " ") == extension {
			return e
		}
	}
	return nil
}
