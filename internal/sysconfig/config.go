// Package sysconfig is the machine's configuration: one typed, versioned, validated document, and the sealed file form
// in which it is kept and copied to every data volume.
//
// A file is one JSON object:
//
//	{"format":"vigie-machine","version":1,"sha256":"<hex of the body's bytes>","body":{...}}
//
// and the body is {"generation":n,"savedMs":ms,"config":{...}}, on a machine that was reset with "resets" and "forgotten"
// (Document). The generation grows with each change, so that among several copies the newest is the one with the highest; the
// checksum tells a torn or rotten copy from a whole one.
//
// Invariants: Decode never returns a configuration that Validate refuses; Encode(Decode(x)) says the same as x. A
// document of a later version than this is refused, never half understood. Everything here is data: no files, no
// clocks, no state. Secrets do not belong in it.
package sysconfig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a zone that was valid once is valid on every machine

	"vigie/internal/hostname"
)

// MaxNTPServers is how many NTP servers may be configured.
const MaxNTPServers = 8

// Config is what an administrator chose for the machine. The zero value is a machine that nobody configured.
type Config struct {
	// Hostname is empty for "not chosen" or a host name (RFC 1123, section 2.1) of at most 63 characters.
	Hostname string `json:"hostname,omitempty"`
	// NTPServers are host names or addresses, in order of preference; none means those that DHCP gives.
	NTPServers []string `json:"ntpServers"`
	// TimeZone is the IANA name of the zone by whose wall clock calendars go; empty is UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// HostWatch says which hosts are watched.
	HostWatch HostWatch `json:"hostWatch,omitzero"`
	// Time is what else there is to choose about the clock.
	Time Time `json:"time,omitzero"`
	// Network is how the interfaces are used.
	Network Network `json:"network,omitzero"`
	// Firewall is what may be reached in which zone.
	Firewall Firewall `json:"firewall,omitzero"`
	// Bandwidth limits what interfaces send.
	Bandwidth []BandwidthLimit `json:"bandwidth,omitempty"`
	// SSH is the text console over the network.
	SSH SSH `json:"ssh,omitzero"`
	// Web is where the web admin is found.
	Web Web `json:"web,omitzero"`
}

// Clone returns a copy that shares nothing with c.
func (c Config) Clone() Config {
	c.NTPServers = slices.Clone(c.NTPServers)
	c.HostWatch = c.HostWatch.clone()
	c.Time = c.Time.clone()
	c.Network = c.Network.Clone()
	c.Firewall = c.Firewall.Clone()
	c.Bandwidth = slices.Clone(c.Bandwidth)
	c.SSH = c.SSH.clone()
	return c
}

// FieldError says which field of a configuration is wrong, and why, in a sentence for people.
type FieldError struct {
	Field  string // JSON name; within a section the path to it, as in network.bonds[0].mode
	Reason string
}

func (e *FieldError) Error() string { return e.Reason }

// Name is the field's own name.
func (e *FieldError) Name() string { return e.Field[strings.LastIndexByte(e.Field, '.')+1:] }

// Validate returns nil or a *FieldError.
func (c Config) Validate() error {
	if c.Hostname != "" && !hostname.ValidOwn(c.Hostname) {
		return &FieldError{"hostname", fmt.Sprintf("%q is no host name: letters, digits, hyphens and dots, at most 63 of them.", clip(c.Hostname))}
	}
	if len(c.NTPServers) > MaxNTPServers {
		return &FieldError{"ntpServers", fmt.Sprintf("There are %d NTP servers; at most %d can be used.", len(c.NTPServers), MaxNTPServers)}
	}
	for i, s := range c.NTPServers {
		if !validServer(s) {
			return &FieldError{"ntpServers", fmt.Sprintf("%q is neither a host name nor an IP address. Write for example ntp.example.com or 192.168.1.1.", clip(s))}
		}
		if slices.ContainsFunc(c.NTPServers[:i], func(o string) bool { return strings.EqualFold(o, s) }) {
			return &FieldError{"ntpServers", fmt.Sprintf("%q is in the list twice.", s)}
		}
	}
	if !validZone(c.TimeZone) {
		return &FieldError{"timeZone", fmt.Sprintf("%q is no time zone. Write for example Europe/Paris or America/New_York.", clip(c.TimeZone))}
	}
	if err := c.Time.validate(); err != nil {
		return err
	}
	if err := c.HostWatch.validate(); err != nil {
		return err
	}
	if err := c.Network.Validate(); err != nil {
		return err
	}
	if err := c.Firewall.Validate(); err != nil {
		return err
	}
	if err := validateBandwidth(c.Bandwidth); err != nil {
		return err
	}
	if err := c.SSH.validate(); err != nil {
		return err
	}
	return c.Web.validate()
}

// validZone accepts names of the IANA time zone database. "Local" is none: it is another zone on every machine.
func validZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

// validServer accepts a host name or an IP address that can be a server's. Digits and dots alone are an address, so
// that a mistyped one is not taken for a name.
func validServer(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && len(s) <= 64
	}
	return strings.Trim(s, "0123456789.") != "" && hostname.Valid(s)
}

// clip keeps a refused value short enough to be quoted.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
