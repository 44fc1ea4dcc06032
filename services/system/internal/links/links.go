// Package links tells what interfaces the machine has, and what networks they are in, to those whose rules hang on that
// (packages firewall and shaper): once at the start, and whenever it changes.
//
// It changes nothing and decides nothing. The kernel's messages are hints; what is true is read from it again a moment
// after the last of them, and every few seconds, so that a lost message costs seconds. A Watch has one goroutine, its
// caller's.
package links

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	settle = 50 * time.Millisecond // addresses come in flocks
	look   = 5 * time.Second
)

// Link is one interface other than the loopback.
type Link struct {
	Index int
	Name  string // the kernel's
	// ID is by what the configuration refers to it: a card's permanent MAC address, the name of what is made up.
	ID string
	// Member: of a bond or a bridge; packets are that one's.
	Member   bool
	Up       bool // switched on
	Networks []netip.Prefix
	// Gateway: a default route leaves by it.
	Gateway bool
}

// List reads all links from the kernel, in order of index.
func List() ([]Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	networks := map[int][]netip.Prefix{}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			ones, _ := a.Mask.Size()
			networks[a.LinkIndex] = append(networks[a.LinkIndex], netip.PrefixFrom(ip.Unmap(), ones).Masked())
		}
	}
	gateways, err := defaults()
	if err != nil {
		return nil, err
	}
	var out []Link
	for _, l := range all {
		a := l.Attrs()
		if a.RawFlags&unix.IFF_LOOPBACK != 0 {
			continue
		}
		n := networks[a.Index]
		slices.SortFunc(n, func(x, y netip.Prefix) int { return strings.Compare(x.String(), y.String()) })
		out = append(out, Link{
			Index: a.Index, Name: a.Name, ID: id(l), Member: a.MasterIndex != 0, Up: a.RawFlags&unix.IFF_UP != 0,
			Networks: slices.Compact(n), Gateway: gateways[a.Index],
		})
	}
	slices.SortFunc(out, func(x, y Link) int { return x.Index - y.Index })
	return out, nil
}

func id(l netlink.Link) string {
	a := l.Attrs()
	switch l.Type() {
	case "device", "veth": // a veth is the card of a test
		mac := a.HardwareAddr
		if len(a.PermHWAddr) > 0 && slices.ContainsFunc(a.PermHWAddr, func(b byte) bool { return b != 0 }) {
			mac = a.PermHWAddr
		}
		return strings.ToLower(mac.String())
	}
	return a.Name
}

// defaults are the links by which default routes leave.
func defaults() (map[int]bool, error) {
	out := map[int]bool{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range routes {
			if ones, _ := size(r); ones == 0 {
				out[r.LinkIndex] = true
			}
		}
	}
	return out, nil
}

func size(r netlink.Route) (ones, bits int) {
	if r.Dst == nil {
		return 0, 0
	}
	return r.Dst.Mask.Size()
}

// Watch calls told with all links, at once and after each change, until ctx ends. Told must not block for long.
// Trouble is told what goes wrong; the links are looked at again all the same.
func Watch(ctx context.Context, told func([]Link), trouble func(error)) {
	news := make(chan struct{}, 1)
	hint := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	listen(ctx, hint, trouble)
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last []Link
	for first := true; ; {
		now, err := List()
		if err != nil {
			trouble(err)
		} else if first || !reflect.DeepEqual(now, last) {
			first, last = false, now
			told(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-news:
			select {
			case <-ctx.Done():
				return
			case <-time.After(settle):
			}
		}
	}
}

// listen subscribes to the kernel's news until ctx ends.
func listen(ctx context.Context, hint func(), trouble func(error)) {
	report := func(err error) {
		if ctx.Err() == nil {
			trouble(err)
		}
	}
	linkNews, addrNews, routeNews := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate), make(chan netlink.RouteUpdate)
	if err := netlink.LinkSubscribeWithOptions(linkNews, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: report}); err != nil {
		report(err)
	} else {
		go drain(linkNews, hint)
	}
	if err := netlink.AddrSubscribeWithOptions(addrNews, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: report}); err != nil {
		report(err)
	} else {
		go drain(addrNews, hint)
	}
	if err := netlink.RouteSubscribeWithOptions(routeNews, ctx.Done(), netlink.RouteSubscribeOptions{ErrorCallback: report}); err != nil {
		report(err)
	} else {
		go drain(routeNews, hint)
	}
}

// drain ends when the subscription does.
func drain[T any](c <-chan T, hint func()) {
	for range c {
		hint()
	}
}
