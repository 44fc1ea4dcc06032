package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var origins = []struct {
	name    string
	method  string
	host    string
	headers string // "Name: value" in lines
	want    bool
}{
	{"page reads", "GET", "192.0.2.7", "Sec-Fetch-Site: same-origin", true},
	{"typed address", "GET", "192.0.2.7", "Sec-Fetch-Site: none", true},
	{"program reads", "GET", "192.0.2.7", "", true},
	{"other site reads", "GET", "192.0.2.7", "Sec-Fetch-Site: cross-site", false},
	{"other port reads", "GET", "192.0.2.7", "Sec-Fetch-Site: same-site", false},
	{"other site reads with CORS", "GET", "192.0.2.7", "Origin: https://evil.example", false},
	{"page writes", "POST", "192.0.2.7", "Origin: https://192.0.2.7\nSec-Fetch-Site: same-origin", true},
	{"page writes, old browser", "PUT", "192.0.2.7", "Origin: https://192.0.2.7", true},
	{"port that goes without saying", "DELETE", "192.0.2.7:443", "Origin: https://192.0.2.7", true},
	{"other way round", "DELETE", "192.0.2.7", "Origin: https://192.0.2.7:443", true},
	{"other port of its own", "POST", "vigie.lan:8443", "Origin: https://Vigie.LAN:8443", true},
	{"IPv6", "POST", "[2001:db8::7]:8443", "Origin: https://[2001:db8::7]:8443", true},
	{"write without origin", "POST", "192.0.2.7", "", false},
	{"write without origin, only fetch metadata", "POST", "192.0.2.7", "Sec-Fetch-Site: same-origin", false},
	{"form of another site", "POST", "192.0.2.7", "Origin: https://evil.example\nSec-Fetch-Site: cross-site", false},
	{"sandboxed frame", "POST", "192.0.2.7", "Origin: null", false},
	{"other port", "POST", "192.0.2.7", "Origin: https://192.0.2.7:8443", false},
	{"plain HTTP", "POST", "192.0.2.7", "Origin: http://192.0.2.7", false},
	{"name that begins alike", "POST", "192.0.2.7", "Origin: https://192.0.2.7.evil.example", false},
	{"user in origin", "POST", "192.0.2.7", "Origin: https://192.0.2.7@evil.example", false},
	{"path in origin", "POST", "192.0.2.7", "Origin: https://192.0.2.7/x", false},
	{"empty origin", "POST", "192.0.2.7", "Origin: ", false},
	{"no host", "POST", "", "Origin: https://", false},
	{"origins that disagree", "POST", "192.0.2.7", "Origin: https://192.0.2.7\nOrigin: https://evil.example", false},
	{"right origin, browser knows better", "POST", "192.0.2.7", "Origin: https://192.0.2.7\nSec-Fetch-Site: cross-site", false},
	{"WebSocket", "GET", "192.0.2.7", "Upgrade: websocket\nConnection: Upgrade\nOrigin: https://192.0.2.7", true},
	{"WebSocket of another site", "GET", "192.0.2.7", "Upgrade: websocket\nConnection: Upgrade\nOrigin: https://evil.example", false},
	{"WebSocket without origin", "GET", "192.0.2.7", "Upgrade: websocket\nConnection: Upgrade", false},
	{"upgrade in a list", "GET", "192.0.2.7", "Connection: keep-alive, upgrade", false},
}

func request(method, host, headers string) *http.Request {
	r := httptest.NewRequest(method, "https://x/", nil)
	r.Host = host
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		r.Header.Add(strings.TrimSuffix(name, ":"), value)
	}
	return r
}

func TestSameOrigin(t *testing.T) {
	for _, c := range origins {
		if got := SameOrigin(request(c.method, c.host, c.headers)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func FuzzSameOrigin(f *testing.F) {
	for _, c := range origins {
		if r := request(c.method, c.host, c.headers); r.Header.Get("Origin") != "" {
			f.Add(c.host, r.Header.Get("Origin"))
		}
	}
	f.Fuzz(func(t *testing.T, host, origin string) {
		r := httptest.NewRequest(http.MethodPost, "https://x/", nil)
		r.Host = host
		r.Header.Set("Origin", origin)
		if !SameOrigin(r) {
			return
		}
		bare := strings.TrimSuffix(strings.ToLower(host), ":443")
		if want := "https://" + bare; strings.TrimSuffix(strings.ToLower(origin), ":443") != want {
			t.Errorf("origin %q taken for that of host %q", origin, host)
		}
	})
}
