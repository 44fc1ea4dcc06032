package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

var configs = []struct {
	name   string
	config Config
	bad    string
}{
	{"nothing", Config{}, ""},
	{"divided", divided(), ""},
	{"undivided", undivided(), ""},
	{"no name", Config{Interfaces: []Interface{{"", Office, nil}}}, "no name"},
	{"a long name", Config{Interfaces: []Interface{{strings.Repeat("x", 16), Office, nil}}}, "no name"},
	{"a name with an end in it", Config{Interfaces: []Interface{{"lan\x001", Office, nil}}}, "no name"},
	{"twice", Config{Interfaces: []Interface{{"lan1", Office, nil}, {"lan1", Cameras, nil}}}, "twice"},
	{"another zone", Config{Interfaces: []Interface{{"lan1", "dmz", nil}}}, "dmz"},
	{"another protocol", Config{Openings: []Opening{{"sctp", 1, 1, Office}}}, "sctp"},
	{"port 0", Config{Openings: []Opening{{TCP, 0, 1, Office}}}, "ports"},
	{"a range backwards", Config{Openings: []Opening{{TCP, 2, 1, Office}}}, "ports"},
	{"open in both at once", Config{Openings: []Opening{{TCP, 2, 2, Both}}}, "zone"},
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for _, c := range configs {
		err := c.config.Check()
		if c.bad == "" && err != nil || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.bad)
		}
	}
}

func TestZones(t *testing.T) {
	for names, want := range map[string]Zone{"": Both, "office": Office, "cameras": Cameras, "office cameras": Both, "elsewhere": Both} {
		if got := ZoneOf(strings.Fields(names)); got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
}

func TestNeighboursShareANetworkAndAZone(t *testing.T) {
	net := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	for _, c := range []struct {
		a, b Zone
		of   string
		want int
	}{{Both, Both, "10.1.0.0/16", 2}, {Office, Both, "10.1.0.0/16", 2}, {Office, Office, "10.2.0.0/16", 0}, {Office, Cameras, "10.1.0.0/16", 0}} {
		got := Config{Interfaces: []Interface{{"a", c.a, net("10.1.2.0/24")}, {"b", c.b, net(c.of)}}}.neighbours()
		if len(got) != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// FuzzRules: whatever the configuration, one that is taken opens in each zone just what it says, and rules of it are the
// same each time.
func FuzzRules(f *testing.F) {
	f.Add("lan1 office,lan2 cameras", "tcp 443 443 office,udp 56000 56099 office,udp 123 123 cameras")
	f.Add("a both,b both", "tcp 1 65535 cameras,tcp 5 6 office")
	f.Add("x office", "tcp 5 6 office,tcp 7 7 office,tcp 9 9 office")
	f.Fuzz(func(t *testing.T, interfaces, openings string) {
		var c Config
		for text := range strings.SplitSeq(interfaces, ",") {
			name, zone, _ := strings.Cut(text, " ")
			c.Interfaces = append(c.Interfaces, Interface{Name: name, Zone: Zone(zone)})
		}
		for text := range strings.SplitSeq(openings, ",") {
			var o Opening
			if _, err := fmt.Sscan(text, &o.Protocol, &o.First, &o.Last, &o.Zone); err == nil {
				c.Openings = append(c.Openings, o)
			}
		}
		if c.Check() != nil {
			return
		}
		if one, other := Rules(c), Rules(c); one.digest() != other.digest() {
			t.Error("two rulesets of one configuration")
		}
		for _, z := range Zones() {
			for _, p := range []Protocol{TCP, UDP} {
				open := c.open(z, p)
				for i := 1; i < len(open); i++ {
					if int(open[i].First) <= int(open[i-1].Last)+1 {
						t.Fatalf("%+v are not apart", open)
					}
				}
				for port := 1; port < 1<<16; port += 97 {
					want := covers(c.Openings, z, p, uint16(port))
					if got := covers(open, z, p, uint16(port)); got != want {
						t.Fatalf("%s %d in %s: open %v, want %v", p, port, z, got, want)
					}
				}
			}
		}
	})
}

func covers(list []Opening, z Zone, p Protocol, port uint16) bool {
	for _, o := range list {
		if o.Protocol == p && (o.Zone == z || z == Both) && o.First <= port && port <= o.Last {
			return true
		}
	}
	return false
}
