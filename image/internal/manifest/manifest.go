// Package manifest is the list of what an image was made of: the product's version and every Debian package, with the
// hash of its .deb. It is at /usr/share/vigie/manifest.json in the image and beside the ISO.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
)

// Path is where the manifest is in the root file system.
const Path = "usr/share/vigie/manifest.json"

// Manifest says what an image consists of.
type Manifest struct {
	Version  string    `json:"version"`
	Kernel   string    `json:"kernel"` // as in uname -r
	Built    string    `json:"built"`  // RFC 3339, the time that all files carry, not that of the build
	Packages []Package `json:"packages"`
}

// Package is a Debian package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	SHA256  string `json:"sha256"` // of the .deb, as in Debian's signed index
}

// JSON is the manifest as text, packages in order of name: the same manifest gives the same bytes.
func (m Manifest) JSON() ([]byte, error) {
	m.Packages = append([]Package(nil), m.Packages...)
	sort.Slice(m.Packages, func(i, j int) bool { return m.Packages[i].Name < m.Packages[j].Name })
	for i, p := range m.Packages {
		if p.Name == "" || p.Version == "" || p.Arch == "" || len(p.SHA256) != 64 {
			return nil, fmt.Errorf("package %d of the manifest is incomplete: %+v", i, p)
		}
		if i > 0 && m.Packages[i-1].Name == p.Name {
			return nil, fmt.Errorf("package %s is in the manifest twice", p.Name)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return out.Bytes(), nil
}
