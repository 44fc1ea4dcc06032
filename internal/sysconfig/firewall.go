package sysconfig

import (
	"maps"
	"slices"
	"strings"
)

// Firewall is what may be reached in which zone. The zero value: each service in its usual zones.
type Firewall struct {
	// Services are those whose zones were chosen, by id. An empty list is nowhere.
	Services map[string][]string `json:"services,omitempty"`
}

// ServiceWeb is the web admin's id.
const ServiceWeb = "web"

// services are those that can be opened, with the zones in which they usually are. In any of them an interface that is in
// both zones counts.
var services = []struct {
	id    string
	zones []string
}{
	{ServiceWeb, []string{ZoneOffice}},
	{"webrtc", []string{ZoneOffice}},
	{"relay", []string{ZoneOffice}},
	{"ntp", []string{ZoneCameras}},
	{"mdns", []string{ZoneOffice}},
	{"ssh", []string{ZoneOffice}},
}

// Zones are the two worlds.
func Zones() []string { return []string{ZoneOffice, ZoneCameras} }

// ZonesOf are the zones of every interface that has an entry, by id. An interface in none is in both.
func (n Network) ZonesOf() map[string][]string {
	zones := map[string][]string{}
	for _, c := range n.Interfaces {
		zones[c.ID] = c.Zones
	}
	for _, b := range n.Bonds {
		zones[b.Name] = b.Zones
	}
	for _, v := range n.VLANs {
		zones[v.Name] = v.Zones
	}
	return zones
}

// Services are the ids of all services that can be opened, in the order in which they are shown.
func Services() []string {
	var ids []string
	for _, s := range services {
		ids = append(ids, s.id)
	}
	return ids
}

// UsualZones are those in which a service is open when nobody chose others.
func UsualZones(service string) []string {
	for _, s := range services {
		if s.id == service {
			return slices.Clone(s.zones)
		}
	}
	return nil
}

// OpenIn are the zones in which a service is open.
func (f Firewall) OpenIn(service string) []string {
	if zones, ok := f.Services[service]; ok {
		return slices.Clone(zones)
	}
	return UsualZones(service)
}

// Clone returns a copy that shares nothing with f.
func (f Firewall) Clone() Firewall {
	f.Services = maps.Clone(f.Services)
	for id, zones := range f.Services {
		f.Services[id] = slices.Clone(zones)
	}
	return f
}

// Validate returns nil or a *FieldError.
func (f Firewall) Validate() error {
	for _, id := range slices.Sorted(maps.Keys(f.Services)) {
		field := "firewall.services." + id
		if !slices.Contains(Services(), id) {
			return refuse("firewall.services", "%q is no service. There are %s.", clip(id), strings.Join(Services(), ", "))
		}
		zones := f.Services[id]
		for i, z := range zones {
			if !slices.Contains(Zones(), z) {
				return refuse(field, "%q is no zone. A service is opened in office, in cameras, or in both.", clip(z))
			}
			if slices.Contains(zones[:i], z) {
				return refuse(field, "The zone %s is there twice.", z)
			}
		}
	}
	if len(f.OpenIn(ServiceWeb)) == 0 {
		return refuse("firewall.services."+ServiceWeb, "The web admin must be open in one zone at least, or nobody could change anything here again.")
	}
	return nil
}
