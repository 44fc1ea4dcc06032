package sysconfig

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestValidateNamesTheFieldAndTheReason(t *testing.T) {
	for _, c := range []struct {
		name, field, reason string
		config              Config
	}{
		{"nothing chosen", "", "", Config{}},
		{"names and addresses", "", "", Config{Hostname: "gate-1.example.org", NTPServers: []string{"ntp.example.org", "192.0.2.1", "2001:db8::1", "1.pool"}}},
		{"a zone", "", "", Config{TimeZone: "Australia/Lord_Howe"}},
		{"no zone", "timeZone", "Europe/Pariss", Config{TimeZone: "Europe/Pariss"}},
		{"this machine's zone", "timeZone", "Local", Config{TimeZone: "Local"}},
		{"a file as a zone", "timeZone", "no time zone", Config{TimeZone: "../../etc/localtime"}},
		{"space in name", "hostname", "no host name", Config{Hostname: "front gate"}},
		{"long name", "hostname", "no host name", Config{Hostname: strings.Repeat("a.", 31) + "aaa"}},
		{"hyphen first", "hostname", "no host name", Config{Hostname: "-a"}},
		{"empty server", "ntpServers", "neither", Config{NTPServers: []string{""}}},
		{"mistyped address", "ntpServers", "192.168.1.256", Config{NTPServers: []string{"192.168.1.256"}}},
		{"a URL", "ntpServers", "neither", Config{NTPServers: []string{"ntp://x"}}},
		{"a port", "ntpServers", "neither", Config{NTPServers: []string{"x:123"}}},
		{"nobody's address", "ntpServers", "neither", Config{NTPServers: []string{"0.0.0.0"}}},
		{"multicast", "ntpServers", "neither", Config{NTPServers: []string{"224.0.1.1"}}},
		{"control characters", "ntpServers", `\x1b`, Config{NTPServers: []string{"\x1b[2J"}}},
		{"twice", "ntpServers", "twice", Config{NTPServers: []string{"a", "A"}}},
		{"hosts", "", "", watching(WatchedHost{Name: "Caméra 7", Address: "192.0.2.1", IntervalSeconds: 1, LossPercent: 100, LatencyMs: 10_000}, WatchedHost{Address: "nas.example"})},
		{"a host without an address", "hosts[1].address", "neither", watching(WatchedHost{Address: "a"}, WatchedHost{})},
		{"a host on a link", "hosts[0].address", "fe80::1", watching(WatchedHost{Address: "fe80::1%eth0"})},
		{"a host twice", "hosts[1].address", "twice", watching(WatchedHost{Address: "a"}, WatchedHost{Address: "A"})},
		{"a host's name", "hosts[0].name", "printable", watching(WatchedHost{Address: "a", Name: "a\nb"})},
		{"never", "hosts[0].intervalSeconds", "3600", watching(WatchedHost{Address: "a", IntervalSeconds: 3601})},
		{"more than all", "hosts[0].lossPercent", "100", watching(WatchedHost{Address: "a", LossPercent: 101})},
		{"before it is asked", "hosts[0].latencyMs", "10000", watching(WatchedHost{Address: "a", LatencyMs: -1})},
		{"too many hosts", "hosts", "at most 64", watching(make([]WatchedHost, 65)...)},
		{"nine", "ntpServers", "at most 8", Config{NTPServers: strings.Split("a b c d e f g h i", " ")}},
		{"set hours", "", "", Config{Time: Time{SetAt: []string{"00:00", "23:59"}, Server: TimeServer{Enabled: new(true), OrphanStratum: 15}}}},
		{"an hour too many", "setAt", "24:00", Config{Time: Time{SetAt: []string{"24:00"}}}},
		{"a digit too few", "setAt", "03:30", Config{Time: Time{SetAt: []string{"3:30"}}}},
		{"an hour twice", "setAt", "twice", Config{Time: Time{SetAt: []string{"03:30", "03:30"}}}},
		{"too many hours", "setAt", "at most 24", Config{Time: Time{SetAt: make([]string, 25)}}},
		{"primary without a source", "orphanStratum", "2 to 15", Config{Time: Time{Server: TimeServer{OrphanStratum: 1}}}},
		{"no stratum", "orphanStratum", "2 to 15", Config{Time: Time{Server: TimeServer{OrphanStratum: 16}}}},
		{"SSH by key", "", "", Config{SSH: SSH{Enabled: true, Port: 2222, Keys: []SSHKey{{Key: key1, Comment: "jane"}}}}},
		{"SSH by password", "", "", Config{SSH: SSH{Enabled: true, Passwords: true}}},
		{"SSH for nobody", "ssh.passwords", "Nobody could log in", Config{SSH: SSH{Enabled: true}}},
		{"no port", "ssh.port", "65536", Config{SSH: SSH{Port: 65536}}},
		{"a port of the web admin", "", "", Config{Web: Web{Port: 65535}}},
		{"no port of the web admin", "web.port", "65536", Config{Web: Web{Port: 65536}}},
		{"no key", "ssh.key", "no public key", Config{SSH: SSH{Keys: []SSHKey{{Key: "hello"}}}}},
		{"a key with a comment", "ssh.key", "form", Config{SSH: SSH{Keys: []SSHKey{{Key: key1 + " jane"}}}}},
		{"a key twice", "ssh.key", "already", Config{SSH: SSH{Keys: []SSHKey{{Key: key1}, {Key: key1, Comment: "x"}}}}},
		{"too many keys", "ssh.keys", "at most 16", Config{SSH: SSH{Keys: make([]SSHKey, 17)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.config.Validate()
			var field *FieldError
			if c.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.As(err, &field) || field.Field != c.field || !strings.Contains(field.Reason, c.reason) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

// key1 is a public key whose other half nobody has.
const key1 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

var whole = Document{Generation: 7, SavedMs: 1_700_000_000_000, Config: Config{Hostname: "gate", NTPServers: []string{"a", "192.0.2.1"}, TimeZone: "Asia/Kathmandu",
	Time: Time{SetAt: []string{"03:30"}, Server: TimeServer{Enabled: new(true), OrphanStratum: 10}}, HostWatch: HostWatch{WithoutGateways: true, Hosts: []WatchedHost{{Name: "n", Address: "a", LatencyMs: 7}}},
	SSH: SSH{Enabled: true, Port: 2222, Passwords: true, Keys: []SSHKey{{Key: key1, Comment: "jane", AddedMs: 7, AddedBy: "owner"}}}, Web: Web{Port: 8443}}}

func watching(hosts ...WatchedHost) Config { return Config{HostWatch: HostWatch{Hosts: hosts}} }

func TestTheTimeIsServedOnceThereIsANetworkOfCameras(t *testing.T) {
	office, cameras, both := NIC{ID: mac1, Zones: []string{ZoneOffice}}, NIC{ID: mac2, Zones: []string{ZoneCameras}}, NIC{ID: mac3}
	for _, c := range []struct {
		name    string
		nics    []NIC
		enabled *bool
		want    bool
	}{
		{"nothing chosen", nil, nil, false},
		{"no zones", []NIC{both}, nil, false},
		{"an office", []NIC{office, both}, nil, false},
		{"cameras", []NIC{office, cameras}, nil, true},
		{"switched off", []NIC{cameras}, new(false), false},
		{"switched on", []NIC{office}, new(true), true},
	} {
		if got := (Config{Network: Network{Interfaces: c.nics}, Time: Time{Server: TimeServer{Enabled: c.enabled}}}).ServesTime(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := (Config{Network: Network{VLANs: []VLAN{{Name: "v", Zones: []string{ZoneCameras}}}}}).ServesTime(); !got {
		t.Error("a VLAN of cameras has no time")
	}
	c := Config{Time: Time{Server: TimeServer{Enabled: new(true)}}}
	*c.Clone().Time.Server.Enabled = false
	if !c.ServesTime() {
		t.Error("a copy shares its switch")
	}
}

func encode(t testing.TB, d Document) []byte {
	t.Helper()
	b, err := Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeOpensWhatEncodeSealed(t *testing.T) {
	for _, d := range []Document{whole, {Config: Config{NTPServers: []string{}}}, {Config: Config{NTPServers: []string{}, Network: busy()}}, {Config: guarded()}} {
		got, err := Decode(encode(t, d))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := Encode(Document{Config: Config{Hostname: "a b"}}); err == nil {
		t.Error("an invalid configuration is sealed")
	}
}

func TestEveryFlippedByteAndEveryCutIsNoticed(t *testing.T) {
	good := encode(t, whole)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if d, err := Decode(bad); err == nil && !cmp.Equal(d, whole) {
			t.Fatalf("byte %d flipped: took %+v", i, d)
		}
		if _, err := Decode(good[:i]); err == nil && i < len(good)-1 {
			t.Fatalf("cut at %d: taken", i)
		}
	}
}

var refused = map[string]string{
	"empty":         ``,
	"other file":    `{"version":1}`,
	"later version": `{"format":"vigie-machine","version":2,"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","body":{}}`,
	"checksum":      `{"format":"vigie-machine","version":1,"sha256":"00","body":{}}`,
	"two documents": `{} {}`,
	"too large":     strings.Repeat(" ", MaxSize+1),
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range refused {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		} else if errors.Is(err, ErrCorrupt) == (name == "later version") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, whole))
	f.Add(encode(f, Document{Config: Config{Network: busy()}}))
	f.Add(encode(f, Document{Config: guarded()}))
	for _, text := range refused {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			return
		}
		if err := d.Config.Validate(); err != nil {
			t.Fatalf("took %v", err)
		}
		again, err := Decode(encode(t, d))
		if err != nil || again.Generation != d.Generation || !cmp.Equal(again.Config, d.Config, cmpopts.EquateEmpty()) {
			t.Fatalf("%+v became %+v, %v", d, again, err)
		}
	})
}
