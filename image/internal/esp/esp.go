// Package esp makes the FAT file systems that UEFI starts from.
package esp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Volume is an EFI system partition.
type Volume struct {
	KiB   int64
	ID    string // eight hexadecimal digits
	Label string
	FAT32 bool  // in clusters of 512 bytes; for a disk, of which UEFI expects it
	Start int64 // bytes before it on the disk, where that is known
	Files []File
}

// File is one file in it.
type File struct {
	Path string // absolute
	From string // a file with its content
	Text []byte // or the content
}

// Write makes the file system at out, all times being when.
func (v Volume) Write(ctx context.Context, out string, when time.Time) error {
	dir, err := os.MkdirTemp(filepath.Dir(out), "esp-")
	if err != nil {
		return fmt.Errorf("make EFI partition: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("make EFI partition: %w", err)
	}
	// --invariant and the volume id: nothing random, nothing of now.
	format := []string{"mkfs.vfat", "--invariant", "-i", v.ID, "-n", v.Label, "-h", strconv.FormatInt(v.Start/512, 10)}
	if v.FAT32 {
		format = append(format, "-F", "32", "-s", "1")
	}
	steps := [][]string{append(format, "-C", out, strconv.FormatInt(v.KiB, 10))}
	for _, d := range v.folders() {
		steps = append(steps, []string{"mmd", "-i", out, "::" + d})
	}
	for i, f := range v.Files {
		from := f.From
		if from == "" {
			from = filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(from, f.Text, 0o644); err != nil {
				return fmt.Errorf("make EFI partition: %w", err)
			}
		}
		steps = append(steps, []string{"mcopy", "-i", out, from, "::" + path.Clean(f.Path)})
	}
	for _, s := range steps {
		cmd := exec.CommandContext(ctx, s[0], s[1:]...)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(when.Unix(), 10), "TZ=UTC", "LC_ALL=C")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make EFI partition: %s: %w: %s", s[0], err, text)
		}
	}
	return nil
}

// folders are those of all files, the outer ones first.
func (v Volume) folders() []string {
	var out []string
	for _, f := range v.Files {
		for d := path.Dir(f.Path); d != "/"; d = path.Dir(d) {
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(a, b) }) // a folder's name begins with that of the one it is in
	return out
}
