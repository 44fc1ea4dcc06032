package account

import (
	"fmt"
	"net/netip"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// The usual ports (RFC 2326 §9.2, RFC 7826 §19.2).
const (
	portRTSP  = 554
	portRTSPS = 322
)

// multicastPorts is how many ports a group takes: RTP and RTCP for picture and sound.
const multicastPorts = 4

// defaultSettings are those of a relay that nobody has switched on.
func defaultSettings() api.RelaySettings {
	return api.RelaySettings{RtspPort: portRTSP, TLS: true, RtspsPort: portRTSPS, MulticastRange: "239.192.86.0/24", MulticastPort: 18600, MaxReaders: 128}
}

// checkSettings is what settings must be like. The error is an *answer.Problem.
func checkSettings(s api.RelaySettings) error {
	port := func(field string, n int) error {
		if n < 1 || n > 65535 {
			return answer.Field(field, "bad_port", "A port is a number from 1 to 65535.")
		}
		return nil
	}
	if err := port("rtspPort", s.RtspPort); err != nil {
		return err
	}
	if err := port("rtspsPort", s.RtspsPort); err != nil {
		return err
	}
	if s.TLS && s.RtspPort == s.RtspsPort {
		return answer.Field("rtspsPort", "port_taken", "RTSP and RTSPS need a port each.")
	}
	for field, n := range map[string]int{"rtspPort": s.RtspPort, "rtspsPort": s.RtspsPort} {
		if n == 443 || n == 80 || n == 22 {
			return answer.Field(field, "port_taken", fmt.Sprintf("Port %d is used by the appliance itself. Choose another.", n))
		}
	}
	if _, err := Groups(s.MulticastRange); err != nil {
		return answer.Field("multicastRange", "bad_range", "Groups are a range within 239.0.0.0/8, for example 239.192.86.0/24.")
	}
	if s.MulticastPort < 1024 || s.MulticastPort+multicastPorts > 65535 || s.MulticastPort%2 != 0 {
		return answer.Field("multicastPort", "bad_port", "The first port of multicast is an even number from 1024 to 65530.")
	}
	if s.MaxReaders < 1 || s.MaxReaders > maxReaders {
		return answer.Field("maxReaders", "bad_limit", fmt.Sprintf("1 to %d readers may be let in.", maxReaders))
	}
	return nil
}

// Groups reads a range of multicast groups.
func Groups(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, err
	}
	administrative := netip.MustParsePrefix("239.0.0.0/8") // RFC 2365
	if !p.Addr().Is4() || p.Bits() < administrative.Bits() || p.Bits() > 30 || !administrative.Contains(p.Addr()) {
		return p, fmt.Errorf("%s is not a range of groups within %s", text, administrative)
	}
	return p.Masked(), nil
}
