package system

import (
	"fmt"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

// The ports of services that are always the same.
var fixedPorts = map[string][]api.PortRange{
	"webrtc": {{Protocol: api.PortRangeProtocolUDP, First: 56000, Last: 56099}},
	"mdns":   {{Protocol: api.PortRangeProtocolUDP, First: 5353, Last: 5353}},
	"ntp":    {{Protocol: api.PortRangeProtocolUDP, First: 123, Last: 123}},
}

// serviceNames are what people call the services.
var serviceNames = map[string]string{
	"web": "the web admin", "webrtc": "live pictures by WebRTC", "mdns": "the name on the network (mDNS)",
	"ntp": "the time server (NTP)", "relay": "the relay", "ssh": "SSH",
}

// portsOf are those that a service has, or would have once it is switched on. The relay's are what the engine said last.
func portsOf(service string, c sysconfig.Config, relay api.RelayPorts) []api.PortRange {
	switch service {
	case sysconfig.ServiceWeb:
		return []api.PortRange{{Protocol: api.PortRangeProtocolTCP, First: c.Web.At(), Last: c.Web.At()}}
	case "ssh":
		return []api.PortRange{{Protocol: api.PortRangeProtocolTCP, First: c.SSH.At(), Last: c.SSH.At()}}
	case "relay":
		var list []api.PortRange
		for _, p := range relay.TCP {
			list = append(list, api.PortRange{Protocol: api.PortRangeProtocolTCP, First: p, Last: p})
		}
		for _, p := range relay.UDP {
			list = append(list, api.PortRange{Protocol: api.PortRangeProtocolUDP, First: p, Last: p})
		}
		return list
	}
	return slices.Clone(fixedPorts[service])
}

// claimed tells why a service cannot have a port: another has it, switched on or not. "" means that it can.
func claimed(service string, protocol api.PortRangeProtocol, port int, c sysconfig.Config, relay api.RelayPorts) string {
	for _, other := range sysconfig.Services() {
		if other == service {
			continue
		}
		for _, r := range portsOf(other, c, relay) {
			if r.Protocol == protocol && r.First <= port && port <= r.Last {
				return fmt.Sprintf("Port %d is taken by %s. Choose another one, or give %[2]s another one first.", port, serviceNames[other])
			}
		}
	}
	return ""
}

// free refuses ports for the relay that are another service's.
func free(p api.RelayPorts, c sysconfig.Config, relay api.RelayPorts) error {
	for protocol, list := range map[api.PortRangeProtocol][]int{api.PortRangeProtocolTCP: p.TCP, api.PortRangeProtocolUDP: p.UDP} {
		for _, n := range list {
			if why := claimed("relay", protocol, n, c, relay); why != "" {
				return answer.Field(string(protocol), "bad_ports", why)
			}
		}
	}
	return nil
}

// clash is a *sysconfig.FieldError where a service has a port in the configuration that is another's.
func clash(service string, c sysconfig.Config, relay api.RelayPorts) error {
	if service == "ssh" && !c.SSH.Enabled {
		return nil
	}
	for _, r := range portsOf(service, c, relay) {
		if why := claimed(service, r.Protocol, r.First, c, relay); why != "" {
			return &sysconfig.FieldError{Field: service + ".port", Reason: why}
		}
	}
	return nil
}
