package ingest

import (
	"errors"
	"strings"
	"testing"
)

var urls = []struct {
	raw  string
	want Address
	code string // of the fault
}{
	{raw: "rtsp://192.168.1.20:554/stream1", want: Address{URL: "rtsp://192.168.1.20:554/stream1"}},
	{raw: "  RTSP://Cam.Example/live?channel=1&subtype=0 ", want: Address{URL: "rtsp://cam.example/live?channel=1&subtype=0"}},
	{raw: "rtsp://cam", want: Address{URL: "rtsp://cam"}},
	{raw: "rtsp://user:pa%40ss@cam/live", want: Address{URL: "rtsp://cam/live", Username: "user", Password: "pa@ss"}},
	{raw: "rtsp://user@cam/", want: Address{URL: "rtsp://cam/", Username: "user"}},
	{raw: "rtsp://[fd00::5]:8554/a%20b", want: Address{URL: "rtsp://[fd00::5]:8554/a%20b"}},
	{raw: "rtsp://[fd00::5]/x", want: Address{URL: "rtsp://[fd00::5]/x"}},
	{raw: "rtsp://cam:0554/x", want: Address{URL: "rtsp://cam:554/x"}},
	{raw: "rtsp://cam/a%2Fb", want: Address{URL: "rtsp://cam/a%2Fb"}},
	{raw: "", code: "bad_url"},
	{raw: "   ", code: "bad_url"},
	{raw: "192.168.1.20", code: "bad_url"},
	{raw: "rtsp:192.168.1.20", code: "bad_url"},
	{raw: "rtsp://", code: "bad_url"},
	{raw: "rtsp:///path", code: "bad_url"},
	{raw: "rtsp://:554/path", code: "bad_url"},
	{raw: "rtsp://cam:0/x", code: "bad_url"},
	{raw: "rtsp://cam:70000/x", code: "bad_url"},
	{raw: "rtsp://cam:http/x", code: "bad_url"},
	{raw: "rtsp://admin:secret#1@cam/x", code: "bad_url"},
	{raw: "rtsp://cam/x#frag", code: "bad_url"},
	{raw: "rtsp://cam/a b", code: "bad_url"},
	{raw: "rtsp://cam/a\nb", code: "bad_url"},
	{raw: "rtsp://ca$m/x", code: "bad_url"},
	{raw: "rtsp://0.0.0.0/x", code: "bad_url"},
	{raw: "rtsp://239.1.2.3/x", code: "bad_url"},
	{raw: "rtsp://[fe80::1%25eth0]/x", code: "bad_url"},
	{raw: "rtsp://cam/" + strings.Repeat("x", maxURL), code: "bad_url"},
	{raw: "RTSPS://user:secret@cam:322/x", want: Address{URL: "rtsps://cam:322/x", Username: "user", Password: "secret"}},
	{raw: "rtspu://cam/x", code: "bad_scheme"},
	{raw: "http://cam/x", code: "bad_scheme"},
	{raw: "file:///etc/passwd", code: "bad_scheme"},
}

func TestParseURL(t *testing.T) {
	for _, c := range urls {
		got, err := ParseURL(c.raw)
		var f *Fault
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%q: %v", c.raw, err)
		case c.code == "" && got != c.want:
			t.Errorf("%q: got %+v, want %+v", c.raw, got, c.want)
		case c.code != "" && (!errors.As(err, &f) || f.Code != c.code || f.Reason == ""):
			t.Errorf("%q: got %+v, %v, want a fault %s", c.raw, got, err, c.code)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error quotes the password: %v", c.raw, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, c := range urls {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := ParseURL(raw)
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) || fault.Reason == "" || a != (Address{}) {
				t.Fatalf("%q: %+v, %v", raw, a, err)
			}
			return
		}
		again, err := ParseURL(a.URL)
		if err != nil || again != (Address{URL: a.URL}) {
			t.Fatalf("%q became %q, which becomes %+v, %v", raw, a.URL, again, err)
		}
	})
}
