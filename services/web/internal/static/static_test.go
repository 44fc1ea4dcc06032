package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log('vigie');\n", 100)

func app(t *testing.T) *Handler {
	t.Helper()
	h, err := New(fstest.MapFS{
		".gitkeep":               {Data: nil},
		"index.html":             {Data: []byte("<!doctype html><title>Vigie</title>")},
		"assets/app-1a2b.js":     {Data: []byte(script)},
		"assets/pre-3c4d.css":    {Data: []byte("body{}")},
		"assets/pre-3c4d.css.br": {Data: []byte("brotli bytes")},
		"assets/pre-3c4d.css.gz": {Data: []byte("gzip bytes")},
		"assets/i-5e6f.woff2":    {Data: bytes.Repeat([]byte("font"), 1000)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://x"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServe(t *testing.T) {
	h := app(t)
	const forever, anew = "public, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct {
		path, accept          string
		status                int
		contentType, encoding string
		cache, body           string
	}{
		{"/", "", 200, "text/html; charset=utf-8", "", anew, "<!doctype html><title>Vigie</title>"},
		{"/cameras/k3f9x2ab", "", 200, "text/html; charset=utf-8", "", anew, "<!doctype html><title>Vigie</title>"},
		{"/index.html", "gzip", 200, "text/html; charset=utf-8", "", anew, "<!doctype html><title>Vigie</title>"},
		{"/assets/app-1a2b.js", "", 200, "text/javascript; charset=utf-8", "", forever, script},
		{"/assets/app-1a2b.js", "gzip;q=0, br", 200, "text/javascript; charset=utf-8", "", forever, script},
		{"/assets/pre-3c4d.css", "gzip, deflate, br", 200, "text/css; charset=utf-8", "br", forever, "brotli bytes"},
		{"/assets/pre-3c4d.css", "gzip;q=1.0", 200, "text/css; charset=utf-8", "gzip", forever, "gzip bytes"},
		{"/assets/i-5e6f.woff2", "gzip", 200, "font/woff2", "", forever, strings.Repeat("font", 1000)},
		{"/assets/app-0000.js", "", 404, "text/plain; charset=utf-8", "", "no-store", "There is no such file in this version. Load the page anew.\n"},
		{"/.gitkeep", "", 200, "text/html; charset=utf-8", "", anew, "<!doctype html><title>Vigie</title>"},
		{"/assets/pre-3c4d.css.gz", "", 404, "text/plain; charset=utf-8", "", "no-store", "There is no such file in this version. Load the page anew.\n"},
	} {
		w := get(h, "GET", c.path, "Accept-Encoding", c.accept)
		header := w.Header()
		if w.Code != c.status || header.Get("Content-Type") != c.contentType || header.Get("Content-Encoding") != c.encoding ||
			header.Get("Cache-Control") != c.cache || w.Body.String() != c.body {
			t.Errorf("%s (%s): %d %v %.60q", c.path, c.accept, w.Code, header, w.Body)
		}
	}
}

func TestWhatTheBuildDidNotCompressIsCompressed(t *testing.T) {
	w := get(app(t), "GET", "/assets/app-1a2b.js", "Accept-Encoding", "gzip")
	if w.Body.Len() >= len(script)/5 {
		t.Errorf("%d of %d bytes", w.Body.Len(), len(script))
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != script {
		t.Errorf("%.60q, %v", b, err)
	}
}

func TestAnUnchangedFileIsNotSentAgain(t *testing.T) {
	h := app(t)
	plain := get(h, "GET", "/assets/app-1a2b.js").Header().Get("ETag")
	zipped := get(h, "GET", "/assets/app-1a2b.js", "Accept-Encoding", "gzip").Header().Get("ETag")
	if plain == zipped {
		t.Error("two encodings share a strong ETag")
	}
	w := get(h, "GET", "/assets/app-1a2b.js", "Accept-Encoding", "gzip", "If-None-Match", zipped)
	if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestOnlyReading(t *testing.T) {
	if w := get(app(t), "POST", "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	if w := get(app(t), "HEAD", "/"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestABuildWithoutAppSaysSo(t *testing.T) {
	h, err := New(fstest.MapFS{".gitkeep": {Data: nil}})
	if err != nil {
		t.Fatal(err)
	}
	w := get(h, "GET", "/cameras")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "without its pages") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
