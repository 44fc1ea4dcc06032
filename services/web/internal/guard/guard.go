// Package guard is what stands between the network and every handler: the security headers of each answer, the check
// that a request comes from the appliance's own pages, time limits on slow clients, and limits on connections.
//
// It knows nothing of users, sessions or routes.
package guard

import (
	"net/http"
	"net/url"
	"strings"
)

// policy allows the app's own files and nothing else. Media play from blob: URLs (Media Source Extensions), images may
// be drawn into blob: or data: URLs; inline style attributes are how the compiled app sets sizes and positions; there
// are no inline scripts or style sheets.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; " +
	"img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Headers sets the security headers of every answer.
//
// There is no Strict-Transport-Security: with a self-signed certificate browsers ignore it, and where somebody has put
// the certificate into his trust store it would lock him out of the same name or address for as long as it lasts
// once the appliance is replaced. Nothing listens on plain HTTP anyway.
func Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), fullscreen=(self), autoplay=(self), picture-in-picture=(self)")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// SameOrigin says whether a request may have come from the appliance's own pages. Requests that change something and
// WebSocket handshakes must say so with an Origin header, which browsers always send and pages cannot forge; and no
// request at all may have been started by another site where the browser tells (Sec-Fetch-Site), typed addresses and
// bookmarks apart.
func SameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origins := r.Header.Values("Origin")
	needed := !(r.Method == http.MethodGet || r.Method == http.MethodHead) || IsUpgrade(r)
	if len(origins) == 0 {
		return !needed
	}
	if len(origins) > 1 {
		return false
	}
	u, err := url.Parse(origins[0])
	if err != nil || u.Scheme != "https" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return r.Host != "" && strings.EqualFold(strings.TrimSuffix(u.Host, ":443"), strings.TrimSuffix(r.Host, ":443"))
}

// IsUpgrade says whether a request asks to become something else than HTTP.
func IsUpgrade(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" {
		return true
	}
	for _, v := range r.Header.Values("Connection") {
		for _, token := range strings.Split(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}
