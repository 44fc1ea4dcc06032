package verify

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vigie/services/engine/internal/manifest"
)

// tree is a folder or a ZIP.
type tree interface {
	names() ([]string, error)
	open(name string) (r io.ReaderAt, size int64, done func(), err error)
	small(name string) ([]byte, error) // fs.ErrNotExist: there is none
}

// maxFiles bounds the files that are looked at.
const maxFiles = 100_000

type folder string

func (f folder) names() (out []string, err error) {
	err = filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if len(out) == maxFiles {
			return errors.New("there are too many files in this folder: name the folder of the export")
		}
		name, err := filepath.Rel(string(f), path)
		out = append(out, name)
		return err
	})
	return out, err
}

func (f folder) open(name string) (io.ReaderAt, int64, func(), error) {
	file, err := os.Open(filepath.Join(string(f), name))
	if err != nil {
		return nil, 0, nil, err
	}
	st, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, nil, err
	}
	return file, st.Size(), func() { file.Close() }, nil
}

func (f folder) small(name string) ([]byte, error) { return readSmall(os.DirFS(string(f)), name) }

// readSmall reads a manifest.
func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(filepath.ToSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, name)
}

func limited(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, manifest.MaxLength+1))
	if err == nil && len(b) > manifest.MaxLength {
		err = fmt.Errorf("%s: it is too long for a manifest", name)
	}
	return b, err
}

// zipFile is a ZIP whose files are stored.
type zipFile struct {
	r     io.ReaderAt
	files map[string]*zip.File
	order []string
}

func openZip(r io.ReaderAt, size int64) (*zipFile, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errors.New("the ZIP is damaged, or its end is missing: its list of files cannot be read. Unpack what can be unpacked and verify that")
	}
	out := &zipFile{r: r, files: map[string]*zip.File{}}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if _, twice := out.files[f.Name]; twice {
			return nil, fmt.Errorf("the ZIP has two files called %q", f.Name)
		}
		out.files[f.Name] = f
		out.order = append(out.order, f.Name)
	}
	return out, nil
}

func (z *zipFile) names() ([]string, error) { return z.order, nil }

func (z *zipFile) open(name string) (io.ReaderAt, int64, func(), error) {
	f := z.files[name]
	off, err := f.DataOffset()
	if err != nil {
		return nil, 0, nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.Method != zip.Store {
		return nil, 0, nil, fmt.Errorf("%s was packed anew: unpack the ZIP and verify the folder", name)
	}
	return io.NewSectionReader(z.r, off, int64(f.UncompressedSize64)), int64(f.UncompressedSize64), func() {}, nil
}

func (z *zipFile) small(name string) ([]byte, error) {
	f := z.files[name]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	return limited(r, name)
}

// digest sums a file up.
func digest(ctx context.Context, r io.Reader) (d manifest.Digest, err error) {
	sum := sha256.New()
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(sum, r, 1<<20)
		}
	}
	if err == io.EOF {
		err = nil
	}
	sum.Sum(d[:0])
	return d, err
}
