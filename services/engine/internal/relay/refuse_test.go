package relay

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/login"
)

// talker speaks RTSP by hand.
type talker struct {
	t     *testing.T
	conn  net.Conn
	r     *bufio.Reader
	seq   int
	login *login.Login
	said  string // session
}

func (s *served) talk(user, password string) *talker {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address(testPort))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	k := &talker{t: s.t, conn: conn, r: bufio.NewReader(conn)}
	if user != "" {
		k.login = login.New(user, password)
	}
	return k
}

// ask sends a request with headers, logging in when it is asked to, and returns status and headers.
func (k *talker) ask(method, url string, headers ...string) (status string, h textproto.MIMEHeader) {
	k.t.Helper()
	for logins := 0; ; logins++ {
		k.seq++
		text := fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, url, k.seq)
		if k.said != "" {
			text += "Session: " + k.said + "\r\n"
		}
		if k.login != nil {
			if a := k.login.Authorization(method, url); a != "" {
				text += "Authorization: " + a + "\r\n"
			}
		}
		for _, one := range headers {
			text += one + "\r\n"
		}
		status, h = k.send(text + "\r\n")
		if v := h.Get("Session"); v != "" {
			k.said, _, _ = strings.Cut(v, ";")
		}
		if !strings.HasPrefix(status, "401") || k.login == nil || logins > 0 {
			return status, h
		}
		if again, err := k.login.Challenge(h.Values("Www-Authenticate")); err != nil || !again {
			return status, h
		}
	}
}

// send sends text and reads an answer, passing over interleaved frames.
func (k *talker) send(text string) (status string, h textproto.MIMEHeader) {
	k.t.Helper()
	if _, err := io.WriteString(k.conn, text); err != nil {
		k.t.Fatal(err)
	}
	return k.answer()
}

func (k *talker) answer() (status string, h textproto.MIMEHeader) {
	k.t.Helper()
	if err := k.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		k.t.Fatal(err)
	}
	for {
		b, err := k.r.Peek(4)
		if err != nil {
			return "closed", textproto.MIMEHeader{}
		}
		if b[0] != '$' {
			break
		}
		if _, err := k.r.Discard(4 + int(b[2])<<8 + int(b[3])); err != nil {
			k.t.Fatal(err)
		}
	}
	tp := textproto.NewReader(k.r)
	line, err := tp.ReadLine()
	if err != nil {
		k.t.Fatal(err)
	}
	if h, err = tp.ReadMIMEHeader(); err != nil {
		k.t.Fatal(err)
	}
	if n := h.Get("Content-Length"); n != "" {
		var size int64
		if _, err := fmt.Sscan(n, &size); err != nil {
			k.t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, k.r, size); err != nil {
			k.t.Fatal(err)
		}
	}
	return strings.TrimPrefix(line, "RTSP/1.0 "), h
}

// want asks and holds the status against what is wanted.
func (k *talker) want(status, method, url string, headers ...string) textproto.MIMEHeader {
	k.t.Helper()
	got, h := k.ask(method, url, headers...)
	if !strings.HasPrefix(got, status) {
		k.t.Errorf("%s %s %v: %s, want %s", method, url, headers, got, status)
	}
	return h
}

const tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"

// poured is a relay whose camera sends.
func poured(t *testing.T) (*served, *cameras) {
	cams := newCameras()
	s := serve(t, cams)
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 20})
	pour(t, cams.ring, cameratest.Frames(time.Now(), v, nil, 3000))
	return s, cams
}

func TestNobodyReadsWithoutTheRightTo(t *testing.T) {
	s, _ := poured(t)
	live := s.url("")
	_, password := s.account("viewer", nil)
	_, other := s.account("other", func(q *api.RelayAccountRequest) { q.AllCameras, q.Cameras = false, []string{"aaaaaaaa"} })
	_, past := s.account("past", func(q *api.RelayAccountRequest) { q.Live = false })
	_, ended := s.account("ended", func(q *api.RelayAccountRequest) { q.UntilMs = time.Now().Add(50 * time.Millisecond).UnixMilli() })

	h := s.talk("", "").want("401", "DESCRIBE", live)
	asked := h.Values("Www-Authenticate")
	if len(asked) != 2 || !strings.Contains(asked[0], "SHA-256") || !strings.Contains(asked[1], "MD5") || strings.Contains(strings.Join(asked, ""), "Basic") {
		t.Errorf("asked with %q", asked)
	}
	s.talk("", "").want("401", "SETUP", live+"/trackID=0", tcp)
	s.talk("", "").want("401", "PLAY", live)
	s.talk("viewer", "wrong").want("401", "DESCRIBE", live)
	s.talk("nobody", password).want("401", "DESCRIBE", live)
	s.talk("viewer", password).want("200", "DESCRIBE", live)
	s.talk("other", other).want("403", "DESCRIBE", live)
	s.talk("past", past).want("403", "DESCRIBE", live)
	s.eventually("the account ends", func() bool {
		got, _ := s.talk("ended", ended).ask("DESCRIBE", live)
		return strings.HasPrefix(got, "401")
	})
	// Basic gives a password away: without TLS it is never right, nor is it told whether it would be.
	k := s.talk("", "")
	basic := base64.StdEncoding.EncodeToString([]byte("viewer:" + password))
	k.want("401", "DESCRIBE", live, "Authorization: Basic "+basic)
	k.want("400", "DESCRIBE", live, "Authorization: Digest rubbish")
	// An answer that was heard is worth nothing on another connection.
	first := s.talk("viewer", password)
	first.want("200", "DESCRIBE", live)
	k.want("401", "DESCRIBE", live, "Authorization: "+first.login.Authorization("DESCRIBE", live))
}

func TestGuessingIsBounded(t *testing.T) {
	s, _ := poured(t)
	_, password := s.account("viewer", nil)
	got := ""
	for n := 0; !strings.HasPrefix(got, "403"); n++ {
		if n > 30 {
			t.Fatal("passwords may be tried without end")
		}
		got, _ = s.talk("viewer", fmt.Sprint("wrong", n)).ask("DESCRIBE", s.url(""))
	}
	if got, _ := s.talk("viewer", password).ask("DESCRIBE", s.url("")); !strings.HasPrefix(got, "403") {
		t.Errorf("the right password, too soon: %s", got)
	}
}

func TestLimitsAndLeaving(t *testing.T) {
	s, cams := poured(t)
	live := s.url("")
	id, password := s.account("viewer", func(q *api.RelayAccountRequest) { q.MaxReaders = 2 })
	read := func() *talker {
		k := s.talk("viewer", password)
		k.want("200", "SETUP", live+"/trackID=0", tcp)
		k.want("200", "PLAY", live)
		return k
	}
	one, two := read(), read()
	s.talk("viewer", password).want("453", "SETUP", live+"/trackID=0", tcp)
	s.eventually("both are listed", func() bool {
		list := s.Readers()
		return len(list) == 2 && list[0].Bytes > 1000 && list[0].Account == "viewer" && list[0].Transport == "tcp"
	})
	one.want("200", "TEARDOWN", live)
	s.eventually("one has left", func() bool { return len(s.Readers()) == 1 })
	if err := s.Disconnect(s.Readers()[0].ID); err != nil {
		t.Error(err)
	}
	gone := func(k *talker) {
		t.Helper()
		if got, _ := k.answer(); got != "closed" {
			t.Errorf("%q instead of the end", got)
		}
	}
	gone(two)
	if err := s.Disconnect("nothere"); err == nil {
		t.Error("a reader that is not there was let go")
	}
	three := read()
	if _, err := s.book.Renew(id); err != nil {
		t.Fatal(err)
	}
	gone(three)
	s.eventually("nobody is left", func() bool { return len(s.Readers()) == 0 })

	_, password = s.account("second", nil)
	k := s.talk("second", password)
	k.want("200", "SETUP", live+"/trackID=0", tcp)
	k.want("200", "PLAY", live)
	cams.change(func() { cams.gone = true; cams.ring.Close() })
	gone(k)
	s.set(func(r *api.RelaySettings) { r.Enabled = false })
	if c, err := net.Dial("tcp", s.address(testPort)); err == nil {
		c.Close()
		t.Error("it listens though it is switched off")
	}
}

func TestBadRequestsAreAnsweredInWords(t *testing.T) {
	s, cams := poured(t)
	live := s.url("")
	_, password := s.account("viewer", nil)
	for _, c := range []struct{ text, want string }{
		{"DESCRIBE " + live + " RTSP/1.0\r\n\r\n", "400"},
		{"DESCRIBE http://x/y RTSP/1.0\r\nCSeq: 1\r\n\r\n", "400"},
		{"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", "400"},
		{"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "400"},
		{"hello\r\n\r\n", "400"},
		{"RECORD " + live + " RTSP/1.0\r\nCSeq: 1\r\n\r\n", "501"},
		{"OPTIONS " + live + " RTSP/1.0\r\nCSeq: 1\r\nRequire: something\r\n\r\n", "551"},
		{"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\n", "400"},
		{"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "200"},
		{"PAUSE " + live + " RTSP/1.0\r\nCSeq: 1\r\n\r\n", "454"},
		{"GET_PARAMETER " + live + " RTSP/1.0\r\nCSeq: 1\r\nSession: 1\r\n\r\n", "454"},
		{"TEARDOWN " + live + " RTSP/1.0\r\nCSeq: 1\r\n\r\n", "454"},
		{"$\x00\x00\x04abcd", "closed"},
		{"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: " + strings.Repeat("x", 40<<10), "400"},
	} {
		if got, _ := s.talk("", "").send(c.text); !strings.HasPrefix(got, c.want) {
			t.Errorf("%.60q: %s, want %s", c.text, got, c.want)
		}
	}
	root := strings.TrimSuffix(live, "live/"+camera+"/main")
	k := s.talk("viewer", password)
	k.want("404", "DESCRIBE", root)
	k.want("404", "DESCRIBE", root+"live/"+camera+"/main/more")
	k.want("404", "DESCRIBE", root+"live/"+camera+"/nothere")
	k.want("404", "DESCRIBE", root+"live/aaaaaaaa")
	k.want("404", "DESCRIBE", root+"live/../../etc/passwd")
	k.want("200", "DESCRIBE", root+"live/"+camera)
	k.want("404", "SETUP", live+"/trackID=1", tcp)
	k.want("404", "SETUP", live+"/trackID=7", tcp)
	k.want("461", "SETUP", live+"/trackID=0", "Transport: RTP/SAVP;unicast;client_port=5000-5001")
	k.want("461", "SETUP", live+"/trackID=0", "Transport: RTP/AVP;unicast;client_port=53-54")
	k.want("461", "SETUP", live+"/trackID=0", "Transport: RTP/AVP;multicast")
	k.want("461", "SETUP", live+"/trackID=0")
	k.want("200", "SETUP", live+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=6-7")
	k.want("457", "PLAY", live, "Range: clock=20260101T000000Z-")
	k.want("200", "PLAY", live, "Range: npt=0.000-")
	k.want("455", "SETUP", live+"/trackID=0", tcp)
	k.want("200", "GET_PARAMETER", live)
	k.want("451", "GET_PARAMETER", live, "Content-Length: 6\r\n\r\nabcd") // and the end of its line
	k.want("200", "PAUSE", live)
	k.want("200", "PLAY", live)
	k.want("200", "TEARDOWN", live)
	cams.change(func() {
		cams.state = api.CameraState{Status: api.CameraStateStatusOffline, Reason: "The camera does not answer."}
	})
}
