package sysconfig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxHosts is how many hosts may be watched, gateways not counted.
const MaxHosts = 64

// What a watched host goes by where nothing is chosen.
const (
	HostIntervalSeconds = 10
	HostLossPercent     = 20
)

// HostWatch says which hosts are watched by asking them for an echo. The zero value watches the gateways alone.
type HostWatch struct {
	// WithoutGateways: the machine's gateways are not watched by themselves.
	WithoutGateways bool          `json:"withoutGateways,omitempty"`
	Hosts           []WatchedHost `json:"hosts,omitempty"`
}

// WatchedHost is one host. Zero numbers stand for the defaults.
type WatchedHost struct {
	Name            string `json:"name,omitempty"` // for people; empty: the address
	Address         string `json:"address"`        // host name or IP address
	IntervalSeconds int    `json:"intervalSeconds,omitempty"`
	LossPercent     int    `json:"lossPercent,omitempty"` // from this share of unanswered requests on it is told
	LatencyMs       int    `json:"latencyMs,omitempty"`   // from this time on; zero: never
}

func (w HostWatch) clone() HostWatch {
	w.Hosts = slices.Clone(w.Hosts)
	return w
}

func (w HostWatch) validate() error {
	if len(w.Hosts) > MaxHosts {
		return &FieldError{"hosts", fmt.Sprintf("There are %d hosts; at most %d can be watched.", len(w.Hosts), MaxHosts)}
	}
	for i, h := range w.Hosts {
		refuse := func(field, format string, args ...any) error {
			return &FieldError{fmt.Sprintf("hosts[%d].%s", i, field), fmt.Sprintf(format, args...)}
		}
		switch {
		case !validHost(h.Address):
			return refuse("address", "%q is neither a host name nor the IP address of a host. Write for example nas.example.com or 192.168.1.20.", clip(h.Address))
		case slices.ContainsFunc(w.Hosts[:i], func(o WatchedHost) bool { return strings.EqualFold(o.Address, h.Address) }):
			return refuse("address", "%q is in the list twice.", h.Address)
		case utf8.RuneCountInString(h.Name) > 64 || !printable(h.Name):
			return refuse("name", "The name must have 64 characters at most, all of them printable.")
		case h.IntervalSeconds < 0 || h.IntervalSeconds > 3600:
			return refuse("intervalSeconds", "Choose 1 to 3600 seconds between two requests.")
		case h.LossPercent < 0 || h.LossPercent > 100:
			return refuse("lossPercent", "Choose 1 to 100 percent.")
		case h.LatencyMs < 0 || h.LatencyMs > 10_000:
			return refuse("latencyMs", "Choose 1 to 10000 milliseconds, or none.")
		}
	}
	return nil
}

// validHost accepts what validServer does, but for addresses that mean something on one link only: NICs may be numbered
// anew, and names of hosts on the link are what mDNS is for.
func validHost(s string) bool {
	a, err := netip.ParseAddr(s)
	return validServer(s) && (err != nil || !a.IsLinkLocalUnicast() && a.Zone() == "")
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
