package firewall

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kernelconfig "vigie/kernel-config"
	"vigie/services/system/internal/netnstest"
)

// TestSettingsAreRestored, for interfaces that are there and for those that come; the first look is no news.
func TestSettingsAreRestored(t *testing.T) {
	ns, peer := netnstest.New(t, "secure"), netnstest.New(t, "peer")
	netnstest.Wire(t, ns, "lan1", peer, "eth0")
	write := func(path, value string) {
		t.Helper()
		if err := os.WriteFile("/proc/sys/"+path, []byte(value), 0); err != nil {
			t.Error(err)
		}
	}
	read := func(path string) string {
		b, err := os.ReadFile("/proc/sys/" + path)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(b))
	}
	k := New("/proc/sys", slog.New(slog.DiscardHandler))
	ns.Do(t, func() error {
		write("net/ipv4/ip_forward", "1")
		k.secure()
		if got := k.State().Restored; len(got) != 0 {
			t.Errorf("news of what was never right: %+v", got)
		}
		write("net/ipv6/conf/lan1/forwarding", "1")
		write("net/ipv4/conf/default/send_redirects", "1")
		k.secure()
		var said []string
		for _, r := range k.State().Restored {
			said = append(said, r.Setting)
		}
		if diff := cmp.Diff([]string{"net/ipv4/conf/default/send_redirects was 1", "net/ipv6/conf/lan1/forwarding was 1"}, said); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	netnstest.Wire(t, ns, "lan2", peer, "eth1")
	ns.Do(t, func() error {
		for _, path := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/lan2/forwarding", "net/ipv6/conf/lan2/forwarding", "net/ipv4/conf/lan2/send_redirects", "net/ipv6/conf/lan2/accept_redirects"} {
			if got := read(path); got != "0" {
				t.Errorf("%s is %s for an interface that came later", path, got)
			}
		}
		return nil
	})
}

// TestInitSetsWhatIsLookedAfter: from the first moment on, and for interfaces yet to come.
func TestInitSetsWhatIsLookedAfter(t *testing.T) {
	text, err := kernelconfig.Sysctl()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, s := range settings {
		paths := []string{s.path}
		if strings.Contains(s.path, "*") {
			paths = []string{strings.Replace(s.path, "*", "all", 1), strings.Replace(s.path, "*", "default", 1)}
		}
		for _, p := range paths {
			if line := strings.ReplaceAll(p, "/", ".") + " = " + s.want; !slices.Contains(lines, line) {
				t.Errorf("sysctl.conf has no %q", line)
			}
		}
	}
}

func TestListeningReadsTheKernelsTables(t *testing.T) {
	w := newWorld(t)
	w.listen(443, 5000)
	w.machine.Do(t, func() error {
		ports, err := Listening("/proc/thread-self/net")
		want := map[Port]bool{{TCP, 443}: true, {TCP, 5000}: true, {UDP, 443}: true, {UDP, 5000}: true}
		if diff := cmp.Diff(want, ports); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

func FuzzWaiting(f *testing.F) {
	f.Add("  sl  local_address rem_address   st\n   0: 00000000:01BB 00000000:0000 0A 00000000:00000000\n")
	f.Add("0: 0000:FFFFF 0 0A\n1: :1 0 07\n2: x 0 0A")
	f.Fuzz(func(t *testing.T, text string) {
		into := map[Port]bool{}
		if err := waiting(strings.NewReader(text), TCP, into); err == nil && len(into) > strings.Count(text, "\n")+1 {
			t.Errorf("%d ports in %q", len(into), text)
		}
	})
}
