// Package sysctl applies kernel settings from a file of the image in the form of sysctl.conf(5).
//
// A setting that the kernel refuses or does not have is an error of its own and keeps no other from being applied.
package sysctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Setting is one line of the file.
type Setting struct {
	Key      string // path below /proc/sys: net/ipv4/ip_forward
	Value    string
	Optional bool // a leading "-": no error when the kernel does not have it
}

// Parse reads a file: "key = value" with dots or slashes, comments with # or ; at the start of a line.
func Parse(r io.Reader) ([]Setting, error) {
	var settings []Setting
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		var s Setting
		key, s.Optional = strings.CutPrefix(key, "-")
		if !strings.Contains(key, "/") {
			key = strings.ReplaceAll(key, ".", "/")
		}
		if !ok || value == "" || !fs.ValidPath(key) || key == "." {
			return nil, fmt.Errorf("sysctl: line %d: %q is not \"key = value\"", n, line)
		}
		s.Key, s.Value = key, value
		settings = append(settings, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sysctl: %w", err)
	}
	return settings, nil
}

// Apply writes the settings below dir (/proc/sys) and says how many were taken.
func Apply(dir string, settings []Setting) (applied int, err error) {
	var errs []error
	for _, s := range settings {
		// No O_CREATE: what the kernel does not have is an error, not a file.
		f, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(s.Key)), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(s.Value + "\n")
			err = errors.Join(err, f.Close())
		}
		switch {
		case err == nil:
			applied++
		case s.Optional && errors.Is(err, fs.ErrNotExist):
		default:
			errs = append(errs, fmt.Errorf("sysctl: %s = %s: %w", s.Key, s.Value, err))
		}
	}
	return applied, errors.Join(errs...)
}
