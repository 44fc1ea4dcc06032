// Package static serves the built single-page app from memory.
//
// Everything is read, hashed and compressed once by New; the handler then only picks bytes, so it needs no locks. Files
// whose names carry a hash of their content (under assets/) may be kept by browsers for ever, all others are asked for
// anew and answered with 304. Any path that is not a file gets index.html, since the app reads the path itself. Without
// an index.html every path gets a page that says that the app has not been built.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

const (
	index = "index.html"
	// hashed is the folder in which the build puts files with a content hash in their names.
	hashed = "assets/"
	// worthwhile is the size in bytes under which compressing gains nothing.
	worthwhile = 1024
)

// file is one file in each encoding it is kept in.
type file struct {
	contentType string
	etag        string // strong, of the plain bytes; the encoding is appended
	plain       []byte
	gzip        []byte // nil when not worthwhile
	brotli      []byte // nil unless the build made it
}

// Handler serves one app.
type Handler struct {
	files map[string]*file // by path without leading slash
}

// New reads the app from its root. A root without index.html is no error.
func New(root fs.FS) (*Handler, error) {
	h := &Handler{files: map[string]*file{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") || precompressed(name) {
			return err
		}
		f, err := load(root, name)
		h.files[name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	return h, nil
}

// Built says whether there is an app to serve.
func (h *Handler) Built() bool { return h.files[index] != nil }

func precompressed(name string) bool {
	return strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".br")
}

func load(root fs.FS, name string) (*file, error) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	f := &file{contentType: contentType(name), etag: hex.EncodeToString(sum[:12]), plain: b}
	if f.gzip, err = optional(root, name+".gz"); err != nil {
		return nil, err
	}
	if f.brotli, err = optional(root, name+".br"); err != nil {
		return nil, err
	}
	if f.gzip == nil && len(b) >= worthwhile && compressible(f.contentType) {
		var z bytes.Buffer
		zw, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := zw.Write(b); err != nil {
			return nil, err
		}
		if err := zw.Close(); err != nil {
			return nil, err
		}
		if z.Len() < len(b) {
			f.gzip = z.Bytes()
		}
	}
	return f, nil
}

func optional(root fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// contentType is fixed for what a build makes, so that it does not depend on the machine's MIME tables.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".ico":
		return "image/x-icon"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.Contains(contentType, "json") || strings.Contains(contentType, "svg")
}

// ServeHTTP answers GET and HEAD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	if !h.Built() {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, notBuilt) // the client may be gone; nobody is left to tell
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	f := h.files[name]
	if f == nil {
		if strings.HasPrefix(name, hashed) {
			// A missing asset is an app of another version in the browser: index.html in its place would be run as a script.
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "There is no such file in this version. Load the page anew.", http.StatusNotFound)
			return
		}
		name, f = index, h.files[index]
	}
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Vary", "Accept-Encoding")
	if strings.HasPrefix(name, hashed) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache")
	}
	content, etag := f.plain, f.etag
	switch {
	case f.brotli != nil && accepts(r, "br"):
		header.Set("Content-Encoding", "br")
		content, etag = f.brotli, etag+"-br"
	case f.gzip != nil && accepts(r, "gzip"):
		header.Set("Content-Encoding", "gzip")
		content, etag = f.gzip, etag+"-gz"
	}
	header.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// accepts says whether the client takes an encoding (RFC 9110 section 12.5.3; "q=0" means no).
func accepts(r *http.Request, encoding string) bool {
	for _, v := range r.Header.Values("Accept-Encoding") {
		for _, item := range strings.Split(v, ",") {
			name, params, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(name), encoding) {
				continue
			}
			q := strings.ReplaceAll(strings.ToLower(params), " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Vigie</title>
<h1>The web admin is not part of this build</h1>
<p>The appliance is running, but this program was built without its pages. Build them with <code>make</code> and try again.</p>
</html>
`
