package tree

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/u-root/u-root/pkg/cpio"
)

// WriteTar writes the tree as a tar archive, all times being when.
func (t *Tree) WriteTar(w io.Writer, when time.Time) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, e := range entries {
		if err := e.writeTar(archive, when); err != nil {
			return fmt.Errorf("archive %s: %w", e.Path, err)
		}
	}
	return archive.Close()
}

func (e Entry) writeTar(archive *tar.Writer, when time.Time) error {
	h := &tar.Header{Name: e.Path, Mode: int64(e.Perm), ModTime: when}
	switch e.Kind {
	case Directory:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	case CharDevice:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, int64(e.Major), int64(e.Minor)
	case File:
		content, size, err := e.open()
		if err != nil {
			return err
		}
		defer content.Close()
		h.Typeflag, h.Size = tar.TypeReg, size
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		_, err = io.Copy(archive, content)
		return err
	}
	return archive.WriteHeader(h)
}

// WriteCPIO writes the tree in the format of an initramfs (newc; Linux, Documentation/driver-api/early-userspace/
// buffer-format.rst), all times being when.
func (t *Tree) WriteCPIO(w io.Writer, when time.Time) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	archive := cpio.Newc.Writer(w)
	for i, e := range entries {
		// Inode numbers only have to differ: equal ones would be hard links.
		if err := e.writeCPIO(archive, uint64(i+1), when); err != nil {
			return fmt.Errorf("archive %s: %w", e.Path, err)
		}
	}
	return cpio.WriteTrailer(archive)
}

func (e Entry) writeCPIO(archive cpio.RecordWriter, inode uint64, when time.Time) error {
	record := cpio.Record{Info: cpio.Info{
		Name: e.Path, Ino: inode, NLink: 1, Mode: uint64(e.Perm),
		MTime: uint64(when.Unix()), Rmajor: uint64(e.Major), Rminor: uint64(e.Minor),
	}}
	switch e.Kind {
	case Directory:
		record.Mode |= cpio.S_IFDIR
	case Symlink:
		record.Mode |= cpio.S_IFLNK
		record.ReaderAt, record.FileSize = bytes.NewReader([]byte(e.Target)), uint64(len(e.Target))
	case CharDevice:
		record.Mode |= cpio.S_IFCHR
	case File:
		content, size, err := e.open()
		if err != nil {
			return err
		}
		defer content.Close()
		record.Mode |= cpio.S_IFREG
		record.FileSize = uint64(size)
		record.ReaderAt = io.NewSectionReader(&sequential{r: content}, 0, size)
	}
	return archive.WriteRecord(record)
}

// sequential lends a reader to an interface that asks for offsets but only ever reads on.
type sequential struct {
	r   io.Reader
	pos int64
}

func (s *sequential) ReadAt(p []byte, off int64) (int, error) {
	if off != s.pos {
		return 0, errors.New("content is read out of order")
	}
	n, err := io.ReadFull(s.r, p)
	s.pos += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// Extract makes the tree's folders and files below dir, owned by whoever calls, with mode and time as in the tree. It
// is for programs that read a folder; such a program must be told the owners itself. Only folders and files are allowed.
func (t *Tree) Extract(dir string, when time.Time) error {
	entries, err := t.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := e.extract(filepath.Join(dir, filepath.FromSlash(e.Path))); err != nil {
			return fmt.Errorf("extract %s: %w", e.Path, err)
		}
	}
	// Times last and from the leaves up: making a file changes its folder's.
	for i := len(entries) - 1; i >= 0; i-- {
		if err := os.Chtimes(filepath.Join(dir, filepath.FromSlash(entries[i].Path)), when, when); err != nil {
			return err
		}
	}
	return os.Chtimes(dir, when, when)
}

func (e Entry) extract(name string) error {
	switch e.Kind {
	case Directory:
		if err := os.MkdirAll(name, 0o755); err != nil {
			return err
		}
		return os.Chmod(name, os.FileMode(e.Perm))
	case File:
		content, _, err := e.open()
		if err != nil {
			return err
		}
		defer content.Close()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Chmod(os.FileMode(e.Perm)), f.Close())
	default:
		return errors.New("only folders and files can be extracted")
	}
}
