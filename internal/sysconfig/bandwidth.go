package sysconfig

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds of a limit, in kbit/s, and how many there may be.
const (
	MinKbps            = 128
	MaxKbps            = 25_000_000
	maxBandwidthLimits = 128
)

// BandwidthLimit is what one interface may send.
type BandwidthLimit struct {
	Interface  string `json:"interface"`            // its id
	Kbps       int    `json:"kbps,omitempty"`       // in all, kbit/s; 0 is no limit
	RouterKbps int    `json:"routerKbps,omitempty"` // of that, to addresses outside the interface's own networks; 0 is no limit
}

// validateBandwidth returns nil or a *FieldError.
func validateBandwidth(limits []BandwidthLimit) error {
	if len(limits) > maxBandwidthLimits {
		return refuse("bandwidth", "There are %d limits; at most %d can be kept.", len(limits), maxBandwidthLimits)
	}
	for i, l := range limits {
		field := fmt.Sprintf("bandwidth[%d]", i)
		if l.Interface == "" || len(l.Interface) > 64 || strings.Trim(l.Interface, "abcdefghijklmnopqrstuvwxyz0123456789.:_-") != "" {
			return refuse(field+".interface", "%q is no interface. Limits are for a card's MAC address, or the name of a bond or VLAN.", clip(l.Interface))
		}
		if slices.ContainsFunc(limits[:i], func(o BandwidthLimit) bool { return o.Interface == l.Interface }) {
			return refuse(field+".interface", "There are two limits for %s.", clip(l.Interface))
		}
		for _, n := range []struct {
			field string
			kbps  int
		}{{".kbps", l.Kbps}, {".routerKbps", l.RouterKbps}} {
			if n.kbps != 0 && (n.kbps < MinKbps || n.kbps > MaxKbps) {
				return refuse(field+n.field, "A limit is between %d kbit/s and 25 Gbit/s; leave it empty for none.", MinKbps)
			}
		}
		if l.Kbps != 0 && l.RouterKbps > l.Kbps {
			return refuse(field+".routerKbps", "The limit towards the router is more than the interface may send in all.")
		}
	}
	return nil
}
