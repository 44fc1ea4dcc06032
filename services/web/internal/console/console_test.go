package console

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fingerprint = "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"

// writes keeps each Write apart: init shows each as one step.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestAnnounceSaysWhatAnInstallerNeedsAndThenOnlyNews(t *testing.T) {
	var out writes
	c := New(&out)
	said := func(when string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] += "\n"
		}
		if diff := cmp.Diff(want, []string(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		for _, line := range out {
			if len("[   12.3] web: "+line) > 81 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("%s: not fit for a plain console: %q", when, line)
			}
		}
		out = nil
	}
	f := Facts{SetupCode: "K3F9-0V1B", LocalPrint: fingerprint}
	c.Announce(f)
	said("without address", "no network address yet: check the cable and the DHCP server")
	c.Announce(f)
	said("still without address")
	f.Addresses = []Address{at("192.168.1.20:443", fingerprint), at("[2001:db8::20]:8443", fingerprint)}
	c.Announce(f)
	said("with addresses",
		"Open https://192.168.1.20/ in a browser",
		"Open https://[2001:db8::20]:8443/ in a browser",
		"certificate SHA-256, to compare when the browser warns:",
		"  00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F",
		"  10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
		"first set-up: enter code K3F9-0V1B on that page")
	c.Announce(f)
	said("again")
	f.SetupCode, f.Volatile = "", true
	c.Announce(f)
	said("set up", "administrator is set", "accounts are in memory only until a data volume is there")
	f.Volatile = false
	c.Announce(f)
	said("with a volume", "accounts are kept on a data volume now")
	f.LocalName = "vigie-4k7x.local"
	c.Announce(f)
	said("a name", "or by its name: https://vigie-4k7x.local/")
	f.Addresses = f.Addresses[:1]
	c.Announce(f)
	said("other addresses",
		"Open https://192.168.1.20/ in a browser",
		"certificate SHA-256, to compare when the browser warns:",
		"  00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F",
		"  10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
		"or by its name: https://vigie-4k7x.local/",
		"administrator is set")
	other := strings.Repeat("AB:", 31) + "AB"
	f.Addresses = append(f.Addresses, at("192.168.1.21:443", other), at("10.0.0.1:443", fingerprint))
	f.LocalPrint = strings.Repeat("CD:", 31) + "CD"
	c.Announce(f)
	said("a second and a third certificate",
		"Open https://192.168.1.21/ in a browser",
		"certificate SHA-256, to compare when the browser warns:",
		"  AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB",
		"  AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB",
		"Open https://192.168.1.20/ in a browser",
		"Open https://10.0.0.1/ in a browser",
		"certificate SHA-256, to compare when the browser warns:",
		"  00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F",
		"  10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
		"or by its name: https://vigie-4k7x.local/",
		"certificate SHA-256 there:",
		"  CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD",
		"  CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD:CD",
		"administrator is set")
	if f.Fingerprint() != fingerprint {
		t.Errorf("at %s is %s", f.URLs()[0], f.Fingerprint())
	}
}

func at(address, fingerprint string) Address {
	return Address{netip.MustParseAddrPort(address), fingerprint}
}

func TestURLsAreInTheOrderInWhichTheyAreTried(t *testing.T) {
	f := Facts{LocalName: "vigie-4k7x.local", Addresses: []Address{
		at("192.168.1.20:8443", ""), at("[2001:db8::20]:8443", ""), at("192.168.2.20:8443", "")}}
	want := []string{"https://192.168.1.20:8443/", "https://192.168.2.20:8443/", "https://vigie-4k7x.local:8443/", "https://[2001:db8::20]:8443/"}
	if diff := cmp.Diff(want, f.URLs()); diff != "" {
		t.Error(diff)
	}
	if got := (Facts{LocalName: "vigie-4k7x.local"}).URLs(); len(got) != 0 {
		t.Errorf("without an address: %q", got)
	}
}
