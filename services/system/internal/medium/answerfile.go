package medium

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// AnswerLabels are those of a medium with an answer file. A FAT label has 11 characters at most.
var AnswerLabels = []string{"VIGIE-ANSWER", "VIGIEANSWER"}

// readable is how file systems are mounted to read an answer file: by the kernel's name, with options. A journal is not played back,
// which would write to the medium.
var readable = map[string]system{
	"vfat":    {kernel: "vfat", data: "utf8=1,shortname=mixed"},
	"ext2":    {kernel: "ext4"},
	"ext3":    {kernel: "ext4", data: "noload"},
	"ext4":    {kernel: "ext4", data: "noload"},
	"iso9660": {kernel: "iso9660", data: "utf8"},
}

// FindAnswers finds the file system on a disk that is labelled to have an answer file.
func FindAnswers(r probe.Result) (kind string, part *probe.Part, ok bool) {
	c, part, ok := r.Find(func(c probe.Content) bool {
		_, known := readable[c.Kind]
		return known && slices.ContainsFunc(AnswerLabels, func(l string) bool { return strings.EqualFold(l, c.Label) })
	})
	return c.Kind, part, ok
}

// ReadFile reads a file at the top of a file system of a kind that FindAnswers finds, which is mounted at path for as long as
// that takes, and only to be read. A file that is larger than most is an error.
func ReadFile(node, path, kind, name string, most int64) (text []byte, err error) {
	s, ok := readable[kind]
	if !ok {
		return nil, fmt.Errorf("file system %q is not one for answer files", kind)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount(node, path, s.kernel, mountFlags|unix.MS_RDONLY, s.data); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("mount %s: %w", kind, err)
	}
	defer func() { err = errors.Join(err, volume.Unmount(path)) }()
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Whatever a foreign medium has by that name, a pipe or a device, opening it must not wait.
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s on it", name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s on it is no file", name)
	case info.Size() > most:
		return nil, fmt.Errorf("%s on it is larger than %d bytes", name, most)
	}
	return io.ReadAll(io.LimitReader(f, most+1))
}
