// Package verify judges what was exported: a file, a folder of files, or a ZIP. It tells whether it is as it left the
// appliance, by whose key, and if not, what was done to it and at which second.
//
// It needs nothing but the files: no appliance, no network. What it reads comes from anybody; it writes nothing. The
// judging itself is package manifest's; here is where manifests are looked for, and what is said.
//
// A Verifier is for one goroutine.
package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/mkv"
)

// Names in a bundle; FORMAT.md of package manifest has them.
const (
	bundleName = "vigie.json"
	beside     = ".vigie.json"
)

// Result is what is said of one file.
type Result struct {
	Name    string
	Genuine bool
	Lines   []string // sentences about it
}

// Verifier judges files.
type Verifier struct {
	// Key is the fingerprint that the signatures must have; empty: any, which is told.
	Key string

	results []Result
	keys    map[string]string // fingerprints seen → appliance
	asked   map[string]bool   // exports seen, of which it was said who asked for them
}

// Path judges a file, folder or ZIP, and returns what is to be said of each file. The error is that it cannot be read.
func (v *Verifier) Path(ctx context.Context, path string) ([]Result, error) {
	v.results, v.keys, v.asked = nil, map[string]string{}, map[string]bool{}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		err = v.tree(ctx, folder(path))
		return v.results, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && bytes.Equal(magic[:], []byte("PK\x03\x04")) {
		z, err := openZip(f, st.Size())
		if err != nil {
			return nil, err
		}
		err = v.tree(ctx, z)
		return v.results, err
	}
	err = v.file(ctx, filepath.Base(path), f, st.Size(), func() ([]byte, error) { return readSmall(os.DirFS(filepath.Dir(path)), filepath.Base(path)+beside) })
	return v.results, err
}

// Keys are the fingerprints of the keys whose signatures were found right, with their appliances' names.
func (v *Verifier) Keys() map[string]string { return v.keys }

func (v *Verifier) say(name string, genuine bool, lines ...string) {
	v.results = append(v.results, Result{name, genuine, lines})
}

// file judges one file; aside reads the manifest that lies beside it.
func (v *Verifier) file(ctx context.Context, name string, r io.ReaderAt, size int64, aside func() ([]byte, error)) error {
	body := size
	document, err := manifest.Find(r, size)
	if err == nil {
		body -= int64(len(document))
	} else if !errors.Is(err, manifest.ErrNone) {
		return fmt.Errorf("%s: %w", name, err)
	}
	m, err := read(document)
	if other, aerr := aside(); aerr == nil && err != nil { // the one beside it may be better
		if n, nerr := manifest.Read(other); nerr == nil {
			m, err = n, nil
			if body == size { // its own is there in part
				body = min(size, n.File.BodyBytes)
			}
		} else if m == nil {
			m, err = n, nerr
		}
	} else if aerr != nil && !errors.Is(aerr, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", name+beside, aerr)
	}
	switch {
	case errors.Is(err, manifest.ErrNone):
		v.say(name, false, v.unsigned(r, size)...)
		return nil
	case err != nil:
		lines := []string{capital(err.Error()) + "."}
		if m != nil {
			lines = append(lines, "Nothing that it says can be believed; it says: "+origin(m.Camera, m.File)+".")
		}
		v.say(name, false, lines...)
		return nil
	}
	lines := []string{origin(m.Camera, m.File) + "."}
	trusted := v.trust(m.Key, m.About, &lines)
	findings, err := manifest.Check(ctx, r, body, m)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range findings {
		lines = append(lines, Sentence(f))
	}
	if len(findings) == 0 {
		lines = append(lines, damage(m)...)
	}
	if filepath.Base(name) != m.File.Name {
		lines = append(lines, fmt.Sprintf("It was exported as %q.", m.File.Name))
	}
	v.say(name, trusted && len(findings) == 0, lines...)
	return nil
}

func read(document []byte) (*manifest.Manifest, error) {
	if document == nil {
		return nil, manifest.ErrNone
	}
	return manifest.Read(document)
}

// trust tells whether a key is the one that was asked for, and who asked for the export.
func (v *Verifier) trust(key manifest.PublicKey, about manifest.About, lines *[]string) bool {
	print := key.Fingerprint()
	v.keys[print] = about.Appliance
	if id := about.Export.ID; !v.asked[id] {
		v.asked[id] = true
		*lines = append(*lines, exported(about)+".")
	}
	if v.Key != "" && print != v.Key {
		*lines = append(*lines, "It is signed with another key than that which was asked for: "+Groups(print)+".")
		return false
	}
	return true
}

// unsigned says what can be said of a file without a manifest.
func (v *Verifier) unsigned(r io.ReaderAt, size int64) []string {
	x, err := mkv.ReadRemains(r, size)
	if err != nil || x.Missing == 0 {
		return []string{"It has no manifest, neither at its end nor beside it: nothing tells whether it is an export of Vigie, or what was done to it."}
	}
	at := "before its first picture"
	if x.LastNs > 0 {
		at = "at about " + instant(x.LastNs/1e6)
	}
	return []string{
		fmt.Sprintf("It was truncated %s: %d bytes are missing at its end, and with them its manifest.", at, x.Missing),
		fmt.Sprintf("It says of itself, unsigned, that it is of %s, %s. Put its %s file beside it to verify what is left.", x.Camera, span(x.StartNs/1e6, x.EndNs/1e6), beside),
	}
}

// tree judges all files of a folder or ZIP.
func (v *Verifier) tree(ctx context.Context, t tree) error {
	names, err := t.names()
	if err != nil {
		return err
	}
	listed := map[string]manifest.BundleFile{}
	if slices.Contains(names, bundleName) {
		if listed, err = v.bundle(t); err != nil {
			return err
		}
	}
	media := 0
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, isListed := listed[name]
		delete(listed, name)
		switch {
		case isMedia(name):
			media++
			r, size, done, err := t.open(name)
			if err != nil {
				return err
			}
			err = v.file(ctx, name, r, size, func() ([]byte, error) { return t.small(name + beside) })
			done()
			if err != nil {
				return err
			}
		case isListed:
			if err := v.plain(ctx, t, name, f); err != nil {
				return err
			}
		case name != bundleName && !strings.HasSuffix(name, beside):
			v.say(name, false, "It is not part of the export.")
		}
	}
	for _, f := range listed {
		v.say(f.Name, false, "It is missing: it was part of the export.")
	}
	if media == 0 && len(v.results) == 0 {
		return errors.New("there is no exported file here")
	}
	slices.SortStableFunc(v.results, func(a, b Result) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// bundle reads what files there should be.
func (v *Verifier) bundle(t tree) (map[string]manifest.BundleFile, error) {
	document, err := t.small(bundleName)
	if err != nil {
		return nil, err
	}
	b, err := manifest.ReadBundle(document)
	if err != nil {
		v.say(bundleName, false, capital(err.Error())+". Which files belong to the export cannot be told.")
		return nil, nil
	}
	lines := []string{fmt.Sprintf("It names the %d files of the export.", len(b.Files))}
	v.say(bundleName, v.trust(b.Key, b.About, &lines), lines...)
	listed := map[string]manifest.BundleFile{}
	for _, f := range b.Files {
		listed[f.Name] = f
	}
	return listed, nil
}

// plain judges a file that has no manifest of its own.
func (v *Verifier) plain(ctx context.Context, t tree, name string, f manifest.BundleFile) error {
	r, size, done, err := t.open(name)
	if err != nil {
		return err
	}
	defer done()
	sum, err := digest(ctx, io.NewSectionReader(r, 0, size))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if sum != f.Sum {
		v.say(name, false, "It was changed.")
	} else if !strings.HasSuffix(name, beside) {
		v.say(name, true)
	}
	return nil
}

func isMedia(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".mkv" || ext == ".mp4"
}
