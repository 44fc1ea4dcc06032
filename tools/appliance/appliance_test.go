package appliance

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const console = "[    8.1] system: ready\r\n" +
	"[   12.3] web: no network address yet: check the cable and the DHCP server\r\n" +
	"[   13.0] web: Open https://169.254.3.4/ in a browser\r\n" +
	"[   13.0] web: certificate SHA-256, to compare when the browser warns:\r\n" +
	"[   13.0] web:   FF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n" +
	"[   13.0] web:   10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:FF\r\n" +
	"[   13.0] web: Open https://10.77.0.100/ in a browser\r\n" +
	"[   13.0] web: Open https://10.78.0.100/ in a browser\r\n" +
	"[   13.0] web: certificate SHA-256, to compare when the browser warns:\r\n" +
	"[   13.0] web:   00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n" +
	"[   13.0] web:   10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n" +
	"[   13.0] web: or by its name: https://vigie-4k7x.local/\r\n" +
	"[   13.0] web: certificate SHA-256 there:\r\n" +
	"[   13.0] web:   EE:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n" +
	"[   13.0] web:   10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:EE\r\n" +
	"[   13.0] web: first set-up: enter code K3F9-0V1B on that page\r\n"

func TestScreenReadsTheGreetingHoweverItIsCut(t *testing.T) {
	for _, step := range []int{1, 7, len(console)} {
		s := NewScreen()
		for b := []byte(console); len(b) > 0; b = b[min(step, len(b)):] {
			if _, err := s.Write(b[:min(step, len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		g, err := s.Greeting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := Greeting{URL: "https://10.77.0.100/", SetupCode: "K3F9-0V1B",
			Fingerprint: "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"}
		if g != want {
			t.Errorf("cut every %d bytes: %+v", step, g)
		}
	}
}

func TestHalfAGreetingIsNone(t *testing.T) {
	s := NewScreen()
	fmt.Fprint(s, console[:strings.Index(console, "first set-up")])
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if g, err := s.Greeting(ctx); err == nil {
		t.Errorf("%+v, want an error", g)
	}
}

func TestClientTrustsTheFingerprintAlone(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "https://"+r.Host {
			t.Errorf("origin %q", r.Header.Get("Origin"))
		}
		if r.URL.Path == "/api/v1/login" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"code":"bad_login","message":"Wrong name or password."}`)
			return
		}
		fmt.Fprint(w, `[]`)
	}))
	t.Cleanup(srv.Close)
	sum := sha256.Sum256(srv.Certificate().Raw)
	good, err := NewClient(srv.URL, fmt.Sprintf("%X", sum))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(good.Close)
	if list, err := good.Cameras(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	var refusal *Error
	if err := good.Login(t.Context(), "a", "b"); err == nil || !asError(err, &refusal) || refusal.Detail.Code != "bad_login" {
		t.Errorf("login: %v", err)
	}
	sum[0] ^= 1
	bad, err := NewClient(srv.URL, fmt.Sprintf("%X", sum))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bad.Close)
	if _, err := bad.Cameras(t.Context()); err == nil {
		t.Error("a wrong certificate was trusted")
	}
}

func asError(err error, target **Error) bool {
	e, ok := err.(*Error)
	*target = e
	return ok
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte(console))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewScreen()
		if n, err := s.Write(b); n != len(b) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}
