// Package console tells the person in front of the appliance where its web admin is, how to recognise its certificate
// and how to log in for the first time.
//
// Each Write of the underlying writer is one line, so that init shows each as one step. Lines are plain ASCII and fit 80
// columns with init's prefix. What has been said is not said again until it changes. Safe for many goroutines.
package console

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Facts are what the announcement is made from.
type Facts struct {
	Addresses  []Address // where to reach the web admin
	LocalName  string    // that the machine has by multicast DNS; "" when it has none
	LocalPrint string    // of the certificate at that name
	SetupCode  string    // "" when there is an administrator
	Volatile   bool      // accounts are in memory only
}

// Address is where the web admin is, and the fingerprint of the certificate there: pairs of hex digits joined by colons.
type Address struct {
	netip.AddrPort
	Fingerprint string
}

// Console prints announcements.
type Console struct {
	mu   sync.Mutex
	w    io.Writer
	last *Facts
}

// New makes a Console that prints to w.
func New(w io.Writer) *Console { return &Console{w: w} }

// Say prints one line.
func (c *Console) Say(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say(line)
}

func (c *Console) say(line string) {
	// The console is the only place to complain to.
	_, _ = io.WriteString(c.w, line+"\n")
}

// Announce prints what is new in the facts since the last time; all of it when addresses or certificates have changed.
func (c *Console) Announce(f Facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Addresses = slices.Clone(f.Addresses)
	for _, line := range news(c.last, f) {
		c.say(line)
	}
	c.last = &f
}

// news is what to say when last has been said; nil stands for nothing yet.
func news(last *Facts, f Facts) (lines []string) {
	where := last == nil || !slices.Equal(last.Addresses, f.Addresses)
	if len(f.Addresses) == 0 {
		if where {
			lines = append(lines, "no network address yet: check the cable and the DHCP server")
		}
		return lines
	}
	prints := map[string]bool{}
	for _, group := range f.groups() {
		if where {
			for _, a := range group {
				lines = append(lines, fmt.Sprintf("Open %s in a browser", URL(a.AddrPort)))
			}
			lines = append(lines, printed("certificate SHA-256, to compare when the browser warns:", group[0].Fingerprint)...)
		}
		prints[group[0].Fingerprint] = true
	}
	if f.LocalName != "" && (where || last.LocalName != f.LocalName || last.LocalPrint != f.LocalPrint) {
		lines = append(lines, "or by its name: "+named(f))
		if !prints[f.LocalPrint] {
			lines = append(lines, printed("certificate SHA-256 there:", f.LocalPrint)...)
		}
	}
	if where || last.SetupCode != f.SetupCode {
		if f.SetupCode != "" {
			lines = append(lines, "first set-up: enter code "+f.SetupCode+" on that page")
		} else {
			lines = append(lines, "administrator is set")
		}
	}
	switch {
	case f.Volatile && (where || !last.Volatile):
		lines = append(lines, "accounts are in memory only until a data volume is there")
	case !f.Volatile && last != nil && last.Volatile:
		lines = append(lines, "accounts are kept on a data volume now")
	}
	return lines
}

// groups are the addresses by certificate; the first address comes in the last group, which is looked at first.
func (f Facts) groups() (groups [][]Address) {
	for _, a := range f.Addresses {
		i := slices.IndexFunc(groups, func(g []Address) bool { return g[0].Fingerprint == a.Fingerprint })
		if i < 0 {
			groups = append(groups, []Address{a})
			continue
		}
		groups[i] = append(groups[i], a)
	}
	slices.Reverse(groups)
	return groups
}

// printed is a fingerprint in two lines, below a title.
func printed(title, fingerprint string) []string {
	half := (len(fingerprint) + 1) / 2
	return []string{title, "  " + strings.TrimSuffix(fingerprint[:half], ":"), "  " + fingerprint[half:]}
}

// Fingerprint is of the certificate at the first of URLs.
func (f Facts) Fingerprint() string {
	for _, a := range f.Addresses {
		if a.Addr().Is4() {
			return a.Fingerprint
		}
	}
	if f.LocalName != "" || len(f.Addresses) == 0 {
		return f.LocalPrint
	}
	return f.Addresses[0].Fingerprint
}

// URLs is where the web admin is, as one types it, best first: by IPv4, by name, by IPv6.
func (f Facts) URLs() []string {
	var four, six []string
	for _, a := range f.Addresses {
		if a.Addr().Is4() {
			four = append(four, URL(a.AddrPort))
		} else {
			six = append(six, URL(a.AddrPort))
		}
	}
	if f.LocalName != "" && len(f.Addresses) > 0 {
		four = append(four, named(f))
	}
	return append(four, six...)
}

// named is the URL by the machine's local name.
func named(f Facts) string {
	if port := f.Addresses[0].Port(); port != 443 {
		return "https://" + net.JoinHostPort(f.LocalName, strconv.Itoa(int(port))) + "/"
	}
	return "https://" + f.LocalName + "/"
}

// URL is the address of the web admin as one types it.
func URL(a netip.AddrPort) string {
	host := a.Addr().String()
	if a.Addr().Is6() {
		host = "[" + host + "]"
	}
	if a.Port() != 443 {
		host = net.JoinHostPort(a.Addr().String(), strconv.Itoa(int(a.Port())))
	}
	return "https://" + host + "/"
}
