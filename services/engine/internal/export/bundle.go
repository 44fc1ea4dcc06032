package export

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"vigie/services/engine/internal/manifest"
)

// Names in a bundle.
const (
	bundleName  = "vigie.json"
	sumsName    = "SHA256SUMS"
	indexName   = "index.html"
	verifyName  = "verify.html"
	beside      = ".vigie.json" // behind a file's name
	zipFlag     = 0x8           // sizes and CRC follow the data
	zipVersion  = 45            // Zip64
	zipUnixHost = 3 << 8
)

// bundle is the files of a plan together with what explains them.
type bundle struct {
	plan  *plan
	about manifest.About
	key   manifest.Key
	zone  *time.Location
	files []*content
}

func newBundle(p *plan, about manifest.About, key manifest.Key, zone *time.Location) *bundle {
	b := &bundle{plan: p, about: about, key: key, zone: zone}
	for _, f := range p.files {
		b.files = append(b.files, newContent(f, about, key))
	}
	return b
}

// page is one of the small files of a bundle.
type page struct {
	name    string
	content []byte
}

// pages makes the small files from what the large ones add up to, in the order in which they are written.
func (b *bundle) pages() ([]page, error) {
	var list []manifest.BundleFile
	var sums bytes.Buffer
	note := func(name string, size int64, sum manifest.Digest) {
		list = append(list, manifest.BundleFile{Name: name, Bytes: size, Sum: sum})
		fmt.Fprintf(&sums, "%s  %s\n", sum, name)
	}
	for _, c := range b.files {
		sum, _, _ := c.total()
		note(c.file.name, c.file.size(), sum)
		besideSum, _ := c.beside()
		note(c.file.name+beside, c.file.manifest, besideSum)
	}
	index, err := b.index()
	if err != nil {
		return nil, err
	}
	pages := []page{{indexName, index}, {verifyName, manifest.Page}}
	for _, p := range pages {
		note(p.name, int64(len(p.content)), sha256.Sum256(p.content))
	}
	list = append(list, manifest.BundleFile{Name: sumsName, Bytes: int64(sums.Len()), Sum: sha256.Sum256(sums.Bytes())})
	signed := manifest.Bundle{About: b.about, Files: list}
	return append(pages, page{sumsName, sums.Bytes()}, page{bundleName, signed.Marshal(b.key)}), nil
}

// archive writes a ZIP of all from an offset on: files are stored, not deflated. It returns the length of the whole. With
// a nil archive it reads nothing, and what it writes has nothing but the right length.
func (b *bundle) archive(ctx context.Context, a Archive, w io.Writer, from int64) (int64, error) {
	out := &window{w: w, from: from}
	z := zip.NewWriter(out)
	for _, c := range b.files {
		if err := b.stored(ctx, a, z, out, c); err != nil {
			return 0, fmt.Errorf("%s: %w", c.file.name, err)
		}
	}
	pages, err := b.pages()
	if err != nil {
		return 0, err
	}
	for _, p := range pages {
		if err := b.small(z, p.name, p.content, crc32.ChecksumIEEE(p.content)); err != nil {
			return 0, err
		}
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return out.off, nil
}

// stored writes a file and its manifest.
func (b *bundle) stored(ctx context.Context, a Archive, z *zip.Writer, out *window, c *content) error {
	h := b.header(c.file.name, c.file.size())
	w, err := z.CreateRaw(h)
	if err != nil {
		return err
	}
	if err := z.Flush(); err != nil {
		return err
	}
	end := out.off + c.file.size() + int64(len(c.file.name+beside)) + c.file.manifest + 1<<10
	_, crc, known := c.total()
	var document []byte
	if a == nil || known && end < out.from {
		if err := pad(w, c.file.size()); err != nil {
			return err
		}
		document = make([]byte, c.file.manifest)
	} else {
		skip := min(max(out.from-out.off, 0), c.file.size())
		if err := pad(w, skip); err != nil {
			return err
		}
		defer c.forget()
		if document, err = c.write(ctx, a, w, skip); err != nil {
			return err
		}
		_, crc, _ = c.total()
	}
	h.CRC32 = crc
	_, documentCRC := c.beside()
	return b.small(z, c.file.name+beside, document, documentCRC)
}

func (b *bundle) small(z *zip.Writer, name string, content []byte, crc uint32) error {
	h := b.header(name, int64(len(content)))
	h.CRC32 = crc
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(content)
	}
	return err
}

func (b *bundle) header(name string, size int64) *zip.FileHeader {
	h := &zip.FileHeader{Name: name, Method: zip.Store, Flags: zipFlag, CreatorVersion: zipUnixHost | zipVersion, ReaderVersion: zipVersion,
		UncompressedSize64: uint64(size), CompressedSize64: uint64(size), ExternalAttrs: 0o100644 << 16}
	for _, r := range name {
		if r >= 0x80 {
			h.Flags |= 0x800 // UTF-8
		}
	}
	t := time.UnixMilli(b.about.Export.CreatedMs).In(b.zone)
	//lint:ignore SA1019 CreateRaw writes these two as they are, and does not look at Modified
	h.ModifiedDate = uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9)
	//lint:ignore SA1019 as above
	h.ModifiedTime = uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
	return h
}

// nothing is written where bytes only count.
var nothing [1 << 20]byte

func pad(w io.Writer, n int64) error {
	for n > 0 {
		k, err := w.Write(nothing[:min(n, int64(len(nothing)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}
