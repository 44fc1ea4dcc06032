package shaper

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// root is the handle of our tree, by which it is known.
const root = 1 << 16

// burst is what a class may send at once after a pause, in bytes: 10 ms of its rate, but some packets at least, or what the
// kernel's timers can do would be the limit.
func burst(rate uint64) uint32 { return uint32(max(rate/8/100, 12_000)) }

// apply makes an interface's tree what the limit says.
func apply(index int, l Limit, networks []netip.Prefix) error {
	dev := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
	ours, err := planted(dev)
	if err != nil {
		return err
	}
	if l.none() {
		if !ours {
			return nil
		}
		if err := netlink.QdiscDel(tree(index)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("take the limit away: %w", err)
		}
		return nil
	}
	if !ours {
		if err := netlink.QdiscReplace(tree(index)); err != nil {
			return fmt.Errorf("make the tree: %w", err)
		}
	}
	if err := applyClasses(dev, classes(l)); err != nil {
		return err
	}
	return applyFilters(dev, filters(networks))
}

func tree(index int) *netlink.Htb {
	q := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: index, Handle: root, Parent: netlink.HANDLE_ROOT})
	q.Defcls = routerLarge
	return q
}

// planted tells whether the interface has our tree.
func planted(dev netlink.Link) (bool, error) {
	list, err := netlink.QdiscList(dev)
	if err != nil {
		return false, fmt.Errorf("list qdiscs: %w", err)
	}
	return slices.ContainsFunc(list, func(q netlink.Qdisc) bool {
		a := q.Attrs()
		h, ok := q.(*netlink.Htb)
		return ok && a.Parent == netlink.HANDLE_ROOT && a.Handle == root && h.Defcls == routerLarge
	}), nil
}

func applyClasses(dev netlink.Link, want []class) error {
	index := dev.Attrs().Index
	there := map[uint32]*netlink.HtbClass{}
	list, err := netlink.ClassList(dev, 0)
	if err != nil {
		return fmt.Errorf("list classes: %w", err)
	}
	for _, c := range list {
		if h, ok := c.(*netlink.HtbClass); ok {
			there[h.Handle] = h
		}
	}
	for _, c := range want {
		parent := uint32(netlink.HANDLE_ROOT)
		if c.parent != 0 {
			parent = root | uint32(c.parent)
		} else {
			parent = root
		}
		h := netlink.NewHtbClass(
			netlink.ClassAttrs{LinkIndex: index, Handle: root | uint32(c.minor), Parent: parent},
			netlink.HtbClassAttrs{Rate: c.rate, Ceil: c.ceil, Buffer: burst(c.rate), Cbuffer: burst(c.ceil), Quantum: 15_140, Prio: c.prio})
		if was := there[h.Handle]; was != nil && was.Rate == h.Rate && was.Ceil == h.Ceil {
			continue
		}
		if err := netlink.ClassReplace(h); err != nil {
			return fmt.Errorf("class 1:%x: %w", c.minor, err)
		}
		if c.leaf && there[h.Handle] == nil {
			if err := leaf(index, c.minor); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaf puts fq_codel into a class. A kernel without it leaves the class with a plain queue.
func leaf(index int, minor uint16) error {
	q := netlink.NewFqCodel(netlink.QdiscAttrs{LinkIndex: index, Handle: uint32(minor) << 16, Parent: root | uint32(minor)})
	err := netlink.QdiscReplace(q)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("queue of class 1:%x: %w", minor, err)
}

func applyFilters(dev netlink.Link, want []filter) error {
	there, err := netlink.FilterList(dev, root)
	if err != nil {
		return fmt.Errorf("list filters: %w", err)
	}
	var now []string
	stale := map[[2]uint16]bool{}
	for _, f := range there {
		a := f.Attrs()
		stale[[2]uint16{a.Priority, a.Protocol}] = true
		if u, ok := f.(*netlink.U32); ok && u.Sel != nil {
			now = append(now, describe(a.Priority, a.Protocol, u.Sel.Keys, uint16(u.ClassId)))
		}
	}
	var then []string
	var made []*netlink.U32
	for _, f := range want {
		u := f.u32(dev.Attrs().Index)
		made = append(made, u)
		then = append(then, describe(f.prio, f.protocol, u.Sel.Keys, f.class))
	}
	slices.Sort(now)
	slices.Sort(then)
	if slices.Equal(now, then) {
		return nil
	}
	for k := range stale {
		old := &netlink.U32{FilterAttrs: netlink.FilterAttrs{LinkIndex: dev.Attrs().Index, Parent: root, Priority: k[0], Protocol: k[1]}}
		if err := netlink.FilterDel(old); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove filters: %w", err)
		}
	}
	for _, u := range made {
		if err := netlink.FilterAdd(u); err != nil {
			return fmt.Errorf("filter of class 1:%x: %w", uint16(u.ClassId), err)
		}
	}
	return nil
}

func (f filter) u32(index int) *netlink.U32 {
	sel := &nl.TcU32Sel{Flags: nl.TC_U32_TERMINAL}
	for _, k := range f.keys {
		sel.Keys = append(sel.Keys, nl.TcU32Key{Mask: k.mask, Val: k.value, Off: k.offset})
	}
	if len(sel.Keys) == 0 {
		sel.Keys = []nl.TcU32Key{{}}
	}
	sel.Nkeys = uint8(len(sel.Keys))
	return &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: root, Priority: f.prio, Protocol: f.protocol},
		ClassId:     root | uint32(f.class), Sel: sel,
	}
}

// describe makes filters comparable.
func describe(prio, protocol uint16, keys []nl.TcU32Key, class uint16) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %x %x:", prio, protocol, class)
	for _, k := range keys {
		fmt.Fprintf(&b, " %d %x %x", k.Off, k.Mask, k.Val)
	}
	return b.String()
}
