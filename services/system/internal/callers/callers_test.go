package callers

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"vigie/internal/peer"
)

// status asks over a unix socket, as this process' user, of a server that trusts the given ones.
func status(t *testing.T, method, path string, rights []Right, trusted ...uint32) int {
	t.Helper()
	code, _ := asked(t, method, path, rights, trusted...)
	return code
}

// asked is status, and for whom the server then thinks that it was asked. The request says that it is for ann.
func asked(t *testing.T, method, path string, rights []Right, trusted ...uint32) (code int, user string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { user = r.Header.Get(userHeader) }),
		rights, map[uint32]string{uint32(os.Getuid()): "the text console"}, trusted...))
	s.Listener.Close()
	s.Listener, s.Config.ConnContext = l, peer.Remember
	s.Start()
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://system"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(userHeader, "ann")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, user
}

func TestOnlyTheTrustedSayForWhomTheyAsk(t *testing.T) {
	me := uint32(os.Getuid())
	if code, user := asked(t, "POST", "/v1/update/try", nil, me); code != 200 || user != "ann" {
		t.Errorf("trusted: %d, %q", code, user)
	}
	if code, user := asked(t, "POST", "/v1/update/try", []Right{{me, "POST", "/v1/update/try"}}); code != 200 || user != "the text console" {
		t.Errorf("with a right: %d, %q", code, user)
	}
}

func TestOnlyTheTrustedMayAskForMoreThanTheState(t *testing.T) {
	me := uint32(os.Getuid())
	for _, c := range []struct {
		method, path string
		others       int // what the answer is to others
	}{
		{"GET", "/v1/status", 200},
		{"GET", "/v1/status?after=5", 200},
		{"POST", "/v1/status", 403},
		{"GET", "/v1/services/web/log", 403},
		{"GET", "/v1/status/../services/web/log", 403},
		{"POST", "/v1/disks/sda/format", 403},
		{"POST", "/v1/power", 403},
		{"POST", "/v1/media/x/mount", 403},
		{"POST", "/v1/media/x/eject", 403},
		{"PUT", "/v1/clock", 403},
		{"POST", "/v1/services/web/restart", 403},
	} {
		if got := status(t, c.method, c.path, nil, me+1, me); got != 200 {
			t.Errorf("%s %s, trusted: %d", c.method, c.path, got)
		}
		if got := status(t, c.method, c.path, []Right{{me + 1, c.method, c.path}}, me+2); got != c.others {
			t.Errorf("%s %s, another: %d, want %d", c.method, c.path, got, c.others)
		}
	}
}

func TestARightIsForOneThing(t *testing.T) {
	me := uint32(os.Getuid())
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/v1/media/usb-x/mount", 200},
		{"POST", "/v1/media/usb-x/eject", 403},
		{"GET", "/v1/media/usb-x/mount", 403},
		{"POST", "/v1/media/usb-x/mount/../../../power", 403},
		{"POST", "/v1/power", 403},
	} {
		if got := status(t, c.method, c.path, []Right{{me, "POST", "/v1/media/*/mount"}}, me+1); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
}

func TestAPeerThatIsNotKnownIsNobody(t *testing.T) {
	s := httptest.NewUnstartedServer(Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil, nil, 0, uint32(os.Getuid())))
	s.Config.ConnContext = peer.Remember
	s.Start() // TCP
	defer s.Close()
	resp, err := http.Get(s.URL + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %d", resp.StatusCode)
	}
}
