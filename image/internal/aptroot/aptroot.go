// Package aptroot fetches Debian 13 packages for the image, without touching the build machine's own packages.
//
// It owns one folder, the cache, outside the tree:
//
//	lock                 one process at a time
//	apt/<kind>/          apt's private root: sources, signed indexes, an empty status; one for packages, one for sources
//	sets/<key>.json      for a list of names: which versions an image was built from last
//	debs/<sha256>.deb    packages by content
//	unpacked/<sha256>/   their files
//	sources/<name>/      source packages, with what is in them
//
// The mirror is the one that the build machine itself is configured to use (apt-get indextargets); the suites are those
// of Debian 13 whatever the machine runs. Indexes must be signed by Debian's archive keys, as the package
// debian-archive-keyring of the machine has them; apt checks the signatures, and each package's hash against the index.
//
// A set that is recorded and whole is used as it is, without any network. When it is not, or on Refresh, the newest
// versions of the series are taken: the security archive drops old ones, so the recorded ones may be gone. After that,
// what no recent set needs is removed.
package aptroot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"vigie/image/internal/digest"
	"vigie/image/internal/manifest"
)

// Series is the Debian release of the image.
const Series = "trixie"

// Arch is the machine architecture of the image.
const Arch = "amd64"

// Root is the cache and the private apt root in it.
type Root struct {
	dir     string
	log     *slog.Logger
	refresh bool
}

// Package is a package in the cache.
type Package struct {
	manifest.Package
	Dir string // its files
}

// Set is the packages of an image, by name.
type Set map[string]Package

// New returns the root in a cache folder. With refresh, recorded sets are not used but replaced by the newest versions.
func New(dir string, refresh bool, log *slog.Logger) *Root {
	return &Root{dir: dir, refresh: refresh, log: log}
}

// Request names packages. Those of Names are taken themselves. Metas are packages without content of their own: the
// packages that they depend on are taken in their place.
type Request struct {
	Names, Metas []string
}

func (r Request) key() string {
	names := append([]string{Series, Arch}, r.Names...)
	for _, m := range r.Metas {
		names = append(names, "meta "+m)
	}
	sort.Strings(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return hex.EncodeToString(sum[:8])
}

// Packages returns the requested packages, fetched and unpacked.
func (r *Root) Packages(ctx context.Context, request Request) (Set, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	recorded, err := r.recorded(request)
	if err != nil {
		return nil, err
	}
	if recorded == nil {
		if recorded, err = r.fetch(ctx, request); err != nil {
			return nil, err
		}
		if err := r.record(request, recorded); err != nil {
			return nil, err
		}
		if err := r.prune(time.Now()); err != nil {
			return nil, err
		}
	}
	set := Set{}
	for _, p := range recorded {
		dir, err := r.unpack(ctx, p)
		if err != nil {
			return nil, err
		}
		set[p.Name] = Package{Package: p, Dir: dir}
	}
	return set, nil
}

func (r *Root) lock() (unlock func(), err error) {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make package cache: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(r.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock of package cache: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		r.log.Info("waiting for another build to leave the package cache")
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock package cache: %w", err)
	}
	return func() { f.Close() }, nil
}

func (r *Root) setFile(request Request) string {
	return filepath.Join(r.dir, "sets", request.key()+".json")
}

func (r *Root) deb(sha string) string { return filepath.Join(r.dir, "debs", sha+".deb") }

// recorded returns the recorded set, or nil if there is none, one of its packages is damaged or missing, or a refresh
// is wanted.
func (r *Root) recorded(request Request) ([]manifest.Package, error) {
	if r.refresh {
		return nil, nil
	}
	text, err := os.ReadFile(r.setFile(request))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read recorded package set: %w", err)
	}
	var list []manifest.Package
	if err := json.Unmarshal(text, &list); err != nil {
		r.log.Warn("recorded package set is unreadable, fetching anew", "err", err)
		return nil, nil
	}
	for _, p := range list {
		sum, err := digest.File(r.deb(p.SHA256))
		if err != nil || sum != p.SHA256 {
			r.log.Info("package is missing or damaged in the cache, fetching the set anew", "package", p.Name)
			return nil, nil
		}
	}
	now := time.Now()
	if err := os.Chtimes(r.setFile(request), now, now); err != nil { // for prune
		return nil, fmt.Errorf("mark package set as used: %w", err)
	}
	return list, nil
}

func (r *Root) record(request Request, list []manifest.Package) error {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("encode package set: %w", err)
	}
	file := r.setFile(request)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("make folder of package sets: %w", err)
	}
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("record package set: %w", err)
	}
	return os.Rename(file+".new", file)
}

// fetch finds the newest version of each package and downloads those that the cache lacks.
func (r *Root) fetch(ctx context.Context, request Request) ([]manifest.Package, error) {
	main, security, err := mirrors(ctx)
	if err != nil {
		return nil, err
	}
	apt, err := r.prepareApt("deb", main, security)
	if err != nil {
		return nil, err
	}
	r.log.Info("updating package indexes")
	if err := apt.update(ctx); err != nil {
		return nil, err
	}
	names := append([]string(nil), request.Names...)
	if len(request.Metas) > 0 {
		metas, err := apt.show(ctx, request.Metas)
		if err != nil {
			return nil, err
		}
		for _, m := range metas {
			names = append(names, m.depends...)
		}
	}
	records, err := apt.show(ctx, names)
	if err != nil {
		return nil, err
	}
	var list []manifest.Package
	var missing []record
	for _, c := range records {
		list = append(list, c.Package)
		if sum, err := digest.File(r.deb(c.SHA256)); err != nil || sum != c.SHA256 {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		r.log.Info("downloading packages", "count", len(missing))
		if err := r.download(ctx, apt, missing); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// download fetches packages into a scratch folder and takes over those whose content is what the signed index says.
func (r *Root) download(ctx context.Context, apt *apt, missing []record) error {
	if err := os.MkdirAll(filepath.Join(r.dir, "debs"), 0o755); err != nil {
		return fmt.Errorf("make package cache: %w", err)
	}
	scratch, err := os.MkdirTemp(r.dir, "download-")
	if err != nil {
		return fmt.Errorf("make download folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	if err := apt.download(ctx, scratch, missing); err != nil {
		return err
	}
	files, err := os.ReadDir(scratch)
	if err != nil {
		return fmt.Errorf("list downloads: %w", err)
	}
	got := map[string]string{} // hash → file
	for _, f := range files {
		name := filepath.Join(scratch, f.Name())
		sum, err := digest.File(name)
		if err != nil {
			return fmt.Errorf("hash %s: %w", f.Name(), err)
		}
		got[sum] = name
	}
	for _, m := range missing {
		name, ok := got[m.SHA256]
		if !ok {
			return fmt.Errorf("package %s %s: what was downloaded is not what the signed index names", m.Name, m.Version)
		}
		if err := os.Rename(name, r.deb(m.SHA256)); err != nil {
			return fmt.Errorf("keep package %s: %w", m.Name, err)
		}
	}
	return nil
}
