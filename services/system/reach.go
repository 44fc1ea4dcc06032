package system

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/linklocal"
	"vigie/services/system/internal/mdns"
)

const reachLook = 5 * time.Second // at the addresses, when no news came

// reach keeps the machine reachable for who is on its networks, with no settings and no servers there: addresses of the
// link where there are no others, and a name.
type reach struct {
	board  *board.Board
	chosen func() string // the name that somebody gave the machine, "": nobody did
	links  *linklocal.Manager
	names  *mdns.Responder
}

func newReach(b *board.Board, chosen func() string, log *slog.Logger) *reach {
	return &reach{
		board: b, chosen: chosen, links: linklocal.New(log),
		names: mdns.New(mdns.Config{Report: b.SetLocalName, Log: log}),
	}
}

func (r *reach) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.links.Run(ctx) })
	g.Go(func() error { return r.names.Run(ctx) })
	g.Go(func() error {
		for status := r.board.Status(); ctx.Err() == nil; {
			r.look(status)
			wait, cancel := context.WithTimeout(ctx, reachLook)
			status = r.board.Wait(wait, status.Revision)
			cancel()
		}
		return nil
	})
	return g.Wait()
}

// look holds the NICs' state against what they need.
func (r *reach) look(s api.Status) {
	if len(s.Interfaces) == 0 {
		return // nobody has looked for them yet; or there is nothing to do
	}
	var bare []linklocal.NIC
	var on []mdns.Interface
	for _, n := range s.Interfaces {
		nic, err := net.InterfaceByName(cmp.Or(n.Device, n.Name))
		if err != nil || !n.Carrier || n.Bond != "" {
			continue
		}
		prefixes := addresses(nic)
		if n.Dhcp.Status != api.DhcpStatusOff && !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Addr().Is4() && !p.Addr().IsLinkLocalUnicast() }) {
			bare = append(bare, linklocal.NIC{Index: nic.Index, Name: nic.Name})
		}
		if len(prefixes) > 0 {
			on = append(on, mdns.Interface{Index: nic.Index, Name: nic.Name, Prefixes: prefixes})
		}
	}
	r.links.Configure(bare)
	name := r.chosen()
	if name == "" {
		name = ownName("/", s.Interfaces)
	}
	r.names.Configure(name, uint16(s.WebPort), on)
}

// addresses are a NIC's, in order.
func addresses(nic *net.Interface) []netip.Prefix {
	list, err := nic.Addrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return out
}

// ownName is the name of a machine that nobody named: "vigie-" and four characters that come of the identity that its
// maker gave it, or where it has none of a MAC.
func ownName(root string, nics []api.Interface) string {
	id := boardID(root)
	if id == "" {
		var macs []string
		for _, n := range nics {
			macs = append(macs, n.Mac)
		}
		slices.Sort(macs)
		id = macs[0]
	}
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	sum := sha256.Sum256([]byte(strings.ToLower(id)))
	name := []byte("vigie-....")
	for i := range 4 {
		name[6+i] = alphabet[sum[i]%byte(len(alphabet))]
	}
	return string(name)
}

// boardID is the UUID that the firmware has for the machine (SMBIOS type 1); "" where its maker left it blank, or left in
// the one that comes with the firmware's source.
func boardID(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "sys/class/dmi/id/product_uuid"))
	if err != nil {
		return ""
	}
	id := strings.ToLower(strings.TrimSpace(string(text)))
	if strings.Trim(id, "0-") == "" || strings.Trim(id, "f-") == "" || id == "03000200-0400-0500-0006-000700080009" || len(id) != 36 {
		return ""
	}
	return id
}
