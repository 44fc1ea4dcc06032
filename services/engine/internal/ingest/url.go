package ingest

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxURL bounds a camera's URL, in bytes.
const maxURL = 2048

// Address is where a camera's stream is, with the credentials moved out of the URL.
type Address struct {
	URL      string // rtsp[s]://host[:port][/path][?query], never with user or password
	Username string // from the URL; empty when it had none
	Password string
}

// ParseURL checks and normalises a camera's URL. User and password in it are moved to their own fields, so that the URL
// can be shown and logged. The error is a *Fault of code bad_url or bad_scheme; it never quotes the URL, which may hold
// a password.
func ParseURL(raw string) (Address, error) {
	raw = strings.TrimSpace(raw)
	switch {
	case raw == "":
		return Address{}, badURL("The address is empty. Enter the camera's stream address, such as rtsp://192.168.1.20:554/stream1.")
	case len(raw) > maxURL:
		return Address{}, badURL("The address is longer than " + strconv.Itoa(maxURL) + " characters.")
	case strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return Address{}, badURL("The address contains spaces or control characters. Remove them, or write a space as %20.")
	}
	scheme, _, found := strings.Cut(raw, "://")
	if !found {
		return Address{}, badURL("The address has no protocol. It must begin with rtsp://.")
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "rtsp", "rtsps":
	default:
		return Address{}, &Fault{Code: "bad_scheme", Reason: "Only addresses that begin with rtsp:// or, encrypted, rtsps:// are supported."}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return Address{}, badURL("The address cannot be understood. Write it as rtsp://host:port/path and put the user name and password into their own fields.")
	}
	if strings.Contains(raw, "#") {
		return Address{}, badURL("The address contains #. Write it as %23 when it belongs to the path, and put a password that contains it into its own field.")
	}
	host := strings.ToLower(u.Hostname())
	if host == "" {
		return Address{}, badURL("The address has no host. Write it as rtsp://host:port/path.")
	}
	if !validHost(host) {
		return Address{}, badURL("The host in the address is neither a host name nor an IP address.")
	}
	if strings.Contains(host, ":") { // IPv6
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return Address{}, badURL("The port in the address must be between 1 and 65535; 554 is usual.")
		}
		host = net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatUint(n, 10))
	}
	a := Address{}
	if u.User != nil {
		a.Username = u.User.Username()
		a.Password, _ = u.User.Password()
	}
	clean := url.URL{Scheme: scheme, Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	a.URL = clean.String()
	return a, nil
}

// validHost accepts IP addresses without zone and host names of letters, digits, dots, dashes and underscores.
func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsMulticast()
	}
	if len(host) > 253 || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	for _, c := range []byte(host) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func badURL(reason string) *Fault { return &Fault{Code: "bad_url", Reason: reason} }
