// Package manifest writes, reads and judges the manifests of exports: what a file is, with a digest of each second of it,
// signed by the appliance. FORMAT.md is the format, to the byte.
//
// It knows bytes and seconds, not containers: Sums is given a file's bytes as they are made and makes the digests; Document
// writes them down in a length that is known before; Check holds a file against a manifest and says what was done to it.
//
// Invariants: a manifest's length depends on its texts and on how many seconds there are, not on the digests. Nothing
// that a manifest says is believed before its signature has been checked: Read does both. Whatever is read, from whoever,
// costs memory in proportion to its length.
//
// Values are not safe for concurrent use, except Key, which does not change.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
)

// Formats.
const (
	FileFormat   = "vigie-manifest-1"
	BundleFormat = "vigie-bundle-1"
)

// Because says why a file begins where it does.
type Because string

// The reasons.
const (
	Start  Because = "start"  // of what was asked for
	Gap    Because = "gap"    // nothing is recorded just before
	Format Because = "format" // the codec or its parameters changed
	Split  Because = "split"
)

// About is what is the same in all manifests of an export.
type About struct {
	Software  string
	Appliance string // its name; its id is that of its key
	Export    Export
}

// Export is what was asked for, by whom, and why. Times are ms since the Unix epoch, UTC.
type Export struct {
	ID        string `json:"id"`
	By        string `json:"by"`
	Note      string `json:"note"`
	CreatedMs int64  `json:"createdMs"`
	FromMs    int64  `json:"fromMs"`
	ToMs      int64  `json:"toMs"`
}

// Camera is whose footage it is.
type Camera struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Stream string `json:"stream"`
}

// File is the file that the manifest is of.
type File struct {
	Name      string `json:"name"`
	Container string `json:"container"` // "matroska", "mp4"
	StartMs   int64  `json:"startMs"`
	EndMs     int64  `json:"endMs"`
	BodyBytes int64  `json:"bodyBytes"`
}

// Seconds is how many entries a file from StartMs to EndMs has.
func (f File) Seconds() int { return int((max(f.EndMs-f.StartMs, 0) + 999) / 1000) }

// Part is a stretch of a file.
type Part struct {
	Bytes int64  `json:"bytes"`
	Sum   Digest `json:"sha256"`
}

// Second is the stretch of a file that begins in one second.
type Second struct {
	OffsetMs int64 // of its first cluster after the file's start
	Bytes    int64
	Damaged  int // clusters that were damaged on the recorder's disk
	Head     uint32
	Sum      Digest
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// MarshalText writes it in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Digest) UnmarshalText(b []byte) error { return unhex(d[:], b) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Manifest is the manifest of a file.
type Manifest struct {
	About
	Camera      Camera
	File        File
	Because     Because
	Front, Back Part
	Seconds     []Second
	Chain       Digest
	Key         PublicKey
}

// Bundle is the manifest of several files together.
type Bundle struct {
	About
	Files []BundleFile
	Key   PublicKey
}

// BundleFile is one of them.
type BundleFile struct {
	Name  string
	Bytes int64
	Sum   Digest
}
