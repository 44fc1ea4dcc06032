package aptroot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vigie/image/internal/digest"
	"vigie/image/internal/manifest"
)

// ArchSource is what stands for the architecture of a source package in the manifest; its hash is that of the .dsc, which
// names the others.
const ArchSource = "source"

// Source is a source package in the cache.
type Source struct {
	manifest.Package
	Dir string // the source, Debian's patches applied
}

// Source returns a source package, fetched and unpacked. Like a set, what is recorded is used without any network; a
// Refresh, or a missing record, takes the newest version of the series. It is kept by name: sources/<name>/ holds the
// record, the files of the package, and in source/ what is in them.
func (r *Root) Source(ctx context.Context, name string) (Source, error) {
	unlock, err := r.lock()
	if err != nil {
		return Source{}, err
	}
	defer unlock()
	dir := filepath.Join(r.dir, "sources", name)
	if !r.refresh {
		if p, err := recordedSource(dir); err == nil {
			return Source{p, filepath.Join(dir, "source")}, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			r.log.Info("source package is damaged in the cache, fetching it anew", "package", name, "err", err)
		}
	}
	p, err := r.fetchSource(ctx, name, dir)
	if err != nil {
		return Source{}, err
	}
	return Source{p, filepath.Join(dir, "source")}, nil
}

func recordedSource(dir string) (p manifest.Package, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("read record: %w", err)
	}
	sum, err := digest.File(filepath.Join(dir, p.Name+".dsc"))
	if err != nil {
		return p, err
	}
	if sum != p.SHA256 {
		return p, errors.New("its description is not the one recorded")
	}
	return p, nil
}

// fetchSource downloads a source package, apt verifying each file against the signed index, and unpacks it under another
// name until it is whole.
func (r *Root) fetchSource(ctx context.Context, name, dir string) (p manifest.Package, err error) {
	main, security, err := mirrors(ctx)
	if err != nil {
		return p, err
	}
	apt, err := r.prepareApt("deb-src", main, security)
	if err != nil {
		return p, err
	}
	r.log.Info("fetching source package", "package", name)
	if err := apt.update(ctx); err != nil {
		return p, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return p, fmt.Errorf("make folder of source packages: %w", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return p, fmt.Errorf("make folder for source of %s: %w", name, err)
	}
	defer os.RemoveAll(scratch)
	if _, err := run(ctx, scratch, "apt-get", append(apt.options, "-q", "source", "--only-source", "--download-only", name)...); err != nil {
		return p, fmt.Errorf("download source of %s: %w", name, err)
	}
	descriptions, err := filepath.Glob(filepath.Join(scratch, "*.dsc"))
	if err != nil || len(descriptions) != 1 {
		return p, fmt.Errorf("source of %s: %d descriptions came", name, len(descriptions))
	}
	if p, err = describe(name, descriptions[0]); err != nil {
		return p, err
	}
	// The signature within is a developer's; what counts is the index, which apt has checked.
	if _, err := run(ctx, scratch, "dpkg-source", "--no-check", "-x", descriptions[0], "source"); err != nil {
		return p, fmt.Errorf("unpack source of %s: %w", name, err)
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return p, fmt.Errorf("encode record of source: %w", err)
	}
	err = errors.Join(
		os.Rename(descriptions[0], filepath.Join(scratch, name+".dsc")),
		os.WriteFile(filepath.Join(scratch, "package.json"), text, 0o644),
		os.RemoveAll(dir),
	)
	if err != nil {
		return p, fmt.Errorf("keep source of %s: %w", name, err)
	}
	return p, os.Rename(scratch, dir)
}

// describe reads name and version of a source package (Debian Policy §5.4).
func describe(name, dsc string) (p manifest.Package, err error) {
	text, err := os.ReadFile(dsc)
	if err != nil {
		return p, fmt.Errorf("read description of source: %w", err)
	}
	p = manifest.Package{Name: name, Arch: ArchSource}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "Version: "); ok {
			p.Version = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "Source: "); ok && strings.TrimSpace(v) != name {
			return p, fmt.Errorf("source of %s: what came is %s", name, strings.TrimSpace(v))
		}
	}
	if p.Version == "" {
		return p, fmt.Errorf("source of %s: the description has no version", name)
	}
	p.SHA256, err = digest.File(dsc)
	return p, err
}
