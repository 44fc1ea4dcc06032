package unattended

import (
	"errors"
	"os"
	"strings"
	"testing"

	"vigie/internal/strictjson"
)

// whole is a document that says all there is to say, a line each.
const whole = `{
"version": 1,
"disk": {"serial": "S1"},
"dataVolume": true,
"hostname": "gate",
"timeZone": "Europe/Paris",
"network": {
 "interfaces": [{"id": "first", "ipv4": {"method": "static", "addresses": ["192.168.1.20/24"], "gateway": "192.168.1.1"}},
  {"id": "52:54:00:00:00:02", "zones": ["cameras"]}],
 "vlans": [{"name": "cams.5", "parent": "first", "tag": 5}]},
"administrator": {"username": "owner",
 "password": "correct horse battery"},
"atEnd": "restart"
}
`

var refusals = []struct {
	name, old, new string // of whole
	line           int
	reason         string
}{
	{"no JSON", `"dataVolume": true,`, `"dataVolume": true`, 5, "This is no JSON"},
	{"unknown", `"hostname"`, `"hostName"`, 5, `"hostName" is not known here`},
	{"unknown deeper", `"tag": 5`, `"tag": 5, "colour": 1`, 10, `"colour" is not known here`},
	{"twice", `"hostname": "gate",`, `"hostname": "gate", "hostname": "yard",`, 5, "twice"},
	{"null", `"gate"`, `null`, 5, "no value"},
	{"wrong kind", `true,`, `"yes",`, 4, `"dataVolume" must be true or false`},
	{"version", `"version": 1`, `"version": 2`, 2, "version 1"},
	{"no version", `"version": 1,`, ``, 1, `"version" is missing`},
	{"no disk", `"disk": {"serial": "S1"},`, ``, 1, `"disk" is missing`},
	{"no word of a data volume", `"dataVolume": true,`, ``, 1, `"dataVolume" is missing`},
	{"no end", `,` + "\n" + `"atEnd": "restart"`, ``, 1, `"atEnd" is missing`},
	{"no disk said", `{"serial": "S1"}`, `{}`, 3, "Say which disk"},
	{"two disks said", `{"serial": "S1"}`, `{"serial": "S1", "only": true}`, 3, "Say which disk"},
	{"host name", `"gate"`, `"front door"`, 5, "no host name"},
	{"time zone", `Europe/Paris`, `Paris`, 6, "no time zone"},
	{"address", `192.168.1.20/24`, `192.168.1.300/24`, 8, "192.168.1.300"},
	{"method", `"static"`, `"fixed"`, 8, ""},
	{"MAC", `52:54:00:00:00:02`, `52-54-00`, 9, "no MAC address"},
	{"the first twice", `52:54:00:00:00:02`, `first`, 9, "The network card first is in the list twice"},
	{"zone", `["cameras"]`, `["garden"]`, 9, ""},
	{"tag", `"tag": 5`, `"tag": 5000`, 10, "The tag 5000"},
	{"no user", `"username": "owner",`, ``, 11, `"username" is missing`},
	{"no password", `"username": "owner",` + "\n" + ` "password": "correct horse battery"`, `"username": "owner"`, 11, `Give either`},
	{"two passwords", `"password"`, `"passwordHash": "x", "password"`, 11, `Give either`},
	{"password that is no text", `"correct horse battery"`, `4711`, 12, `"administrator.password" must be text`},
	{"end", `"restart"`, `"halt"`, 13, `"restart", "poweroff" and "stay"`},
}

func TestAnswersAreRefusedWithTheirLine(t *testing.T) {
	if _, err := Parse([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse([]byte("\ufeff" + strings.ReplaceAll(whole, "\n", "\r\n"))); err != nil {
		t.Errorf("as Windows writes it: %v", err)
	}
	for _, c := range refusals {
		text := strings.Replace(whole, c.old, c.new, 1)
		_, err := Parse([]byte(text))
		var p *strictjson.Problem
		if text == whole || !errors.As(err, &p) || p.Line != c.line || !strings.Contains(p.Reason, c.reason) {
			t.Errorf("%s: %v, want line %d: %s", c.name, err, c.line, c.reason)
			continue
		}
		if strings.Contains(p.Reason, "horse") || strings.Contains(p.Reason, standIn) {
			t.Errorf("%s: it tells too much: %v", c.name, err)
		}
	}
	if _, err := Parse([]byte(whole + strings.Repeat(" ", MaxBytes))); err == nil {
		t.Error("a large file is accepted")
	}
}

func TestTheExampleOfThePageIsGood(t *testing.T) {
	page, err := os.ReadFile("../../../../installer/ANSWERS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	a, err := Parse([]byte(example))
	if err != nil || a.Administrator.Username != "owner" || a.Disk.Serial == "" || len(a.Network.Interfaces) != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	for _, c := range refusals {
		f.Add([]byte(strings.Replace(whole, c.old, c.new, 1)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := Parse(text)
		if err != nil {
			var p *strictjson.Problem
			if !errors.As(err, &p) || p.Line < 1 || p.Line > 1+strings.Count(string(text), "\n") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if a.Administrator.Username == "" || (a.Disk.Serial == "") == !a.Disk.Only || a.Administrator.Password == "" && a.Administrator.PasswordHash == "" {
			t.Errorf("%q is accepted: %+v", text, a.Document)
		}
	})
}
