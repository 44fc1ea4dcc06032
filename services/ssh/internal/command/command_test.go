package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/services/system/systemapi"
)

var good = map[string]Command{
	"help":                 {Name: Help},
	"  status  ":           {Name: Status},
	"interfaces":           {Name: Interfaces},
	"disks":                {Name: Disks},
	"services":             {Name: Services},
	"logs engine":          {Name: Logs, Service: "engine", Lines: 200},
	"logs init lines 2000": {Name: Logs, Service: "init", Lines: 2000},
	"ping 10.0.0.1":        {Name: Ping, Host: "10.0.0.1", Count: 4},
	"ping fd00::1 count 1": {Name: Ping, Host: "fd00::1", Count: 1},
	"ping nas.example.com": {Name: Ping, Host: "nas.example.com", Count: 4},
	"traceroute nas":       {Name: Traceroute, Host: "nas"},
	"capture lan1":         {Name: Capture, Capture: systemapi.CaptureRequest{Interface: "lan1", Seconds: 30, Bytes: 16 << 20}},
	"capture bond0.5 udp host 10.0.0.9 port 123 seconds 300 megabytes 64": {Name: Capture,
		Capture: systemapi.CaptureRequest{Interface: "bond0.5", Protocol: "udp", Host: "10.0.0.9", Port: 123, Seconds: 300, Bytes: 64 << 20}},
	"capture lan1 arp host 10.0.0.9": {Name: Capture, Capture: systemapi.CaptureRequest{Interface: "lan1", Protocol: "arp", Host: "10.0.0.9", Seconds: 30, Bytes: 16 << 20}},
}

// bad are lines that are refused, with a word of the reason.
var bad = map[string]string{
	"":                                     "for example help",
	"   ":                                  "for example help",
	"sh":                                   "no command",
	"/bin/sh":                              "no shell",
	"scp -t /tmp":                          "no shell",
	"ping 10.0.0.1; reboot":                "no shell",
	"ping $(id)":                           "no shell",
	"ping 10.0.0.1 | tee x":                "no shell",
	"ping 'a'":                             "no shell",
	"ping\t10.0.0.1":                       "no shell",
	"ping 10.0.0.1\nhelp":                  "no shell",
	"ping ä":                               "no shell",
	"ping \xff":                            "no shell",
	"Help":                                 "no command",
	"help me":                              "nothing behind it",
	"ping":                                 "Which host",
	"ping -f 10.0.0.1":                     "neither",
	"ping 10.0.0.256":                      "neither",
	"ping 0.0.0.0":                         "nobody's",
	"ping 224.0.0.1":                       "nobody's",
	"ping a count":                         "missing behind count",
	"ping a count 0":                       "1 to 100",
	"ping a count 101":                     "1 to 100",
	"ping a count x":                       "1 to 100",
	"ping a count 1 count 2":               "twice",
	"ping a port 5":                        "not known",
	"traceroute a b":                       "not known",
	"logs":                                 "Which service",
	"logs Engine":                          "no service",
	"logs .. lines 3":                      "no service",
	"capture":                              "which interface",
	"capture lan1 tcp udp":                 "twice",
	"capture lan1 icmp port 7":             "no ports",
	"capture lan1 port 65536":              "1 to 65535",
	"capture lan1 host nas":                "no IP address",
	"capture lan1 seconds 301":             "1 to 300",
	"capture lan1 megabytes 65":            "1 to 64",
	"capture lan1234567890abcd":            "no interface",
	"ping " + strings.Repeat("a", MaxLine): "too long",
}

func TestParse(t *testing.T) {
	for line, want := range good {
		got, err := Parse(line)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", line, err, diff)
		}
	}
	for line, want := range bad {
		if c, err := Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %+v, %v, want %q", line, c, err, want)
		}
	}
}

func TestTheListHasEveryCommand(t *testing.T) {
	text := strings.Join(List(), "\n")
	for _, k := range kinds() {
		if !strings.Contains(text, k.name) {
			t.Errorf("%s is not in it", k.name)
		}
	}
	for _, l := range List() {
		if len(l) > 100 {
			t.Errorf("%q is too long", l)
		}
	}
}

func FuzzParse(f *testing.F) {
	for line := range good {
		f.Add(line)
	}
	for line := range bad {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := Parse(line)
		if err != nil {
			return
		}
		if strings.ContainsAny(line, "/;|&$`'\"\\<>\n\t*?") || c.Lines > MaxLogLines || c.Count > MaxPings || c.Capture.Seconds > MaxSeconds || c.Capture.Bytes > MaxMegabytes<<20 {
			t.Errorf("%q became %+v", line, c)
		}
	})
}
