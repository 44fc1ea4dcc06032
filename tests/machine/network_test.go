//go:build whole

package machine

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/lab"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// The admin's own network on the lab's wire, on which nobody gives addresses.
var (
	desk  = netip.MustParsePrefix("10.78.0.1/24")
	admin = netip.MustParseAddr("10.78.0.100")
	away  = netip.MustParseAddr("10.78.0.200")
)

// TestBondsVLANsAndTheWayBack: a machine with three NICs. The admin's goes to another network, the other two become a bond
// of each mode, by which a camera is recorded while its members are pulled; a change that nobody confirms is rolled back,
// also by a power cut; and the NICs are found in another order.
func TestBondsVLANsAndTheWayBack(t *testing.T) {
	var cables []vm.NIC
	for i, tap := range switchPorts {
		cables = append(cables, vm.NIC{ID: tap, MAC: fmt.Sprintf("52:54:00:77:02:%02x", i), Tap: tap, Model: "virtio-net-pci,speed=1000,duplex=full"})
	}
	b := open(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, DiskBytes: []int64{2 << 30}, NICs: 3, Cables: cables, Cameras: []rtspcam.Config{
		{ID: "gate", Video: video(content.H264, 1, 500_000)},
	}})
	for _, tap := range switchPorts {
		run(t, "ip", "-n", b.Lab.Name(), "tuntap", "add", tap, "mode", "tap")
		run(t, "ip", "-n", b.Lab.Name(), "link", "set", tap, "up")
	}
	if err := b.Lab.AddAddress(desk); err != nil {
		t.Fatal(err)
	}
	b.boot(t)
	b.setUp(t)

	settings := b.network(t).Settings
	if len(settings.Interfaces) != 3+len(cables) || settings.Interfaces[0].ID != lab.MachineAt(0).MAC || settings.Interfaces[0].Name != "lan1" {
		t.Fatalf("settings %+v", settings)
	}
	settings.Interfaces[0].Label = "desk"
	settings.Interfaces[0].Ipv4 = api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{admin.String() + "/24"}}
	plan := b.try(t, settings)
	if want := "https://" + admin.String() + "/"; !plan.LosesAddress || !slices.Contains(plan.Urls, want) || !strings.HasPrefix(plan.Steps[0].Text, "You will lose this address") {
		t.Errorf("the plan %+v, want it to lose the address and name %s", plan, want)
	}
	b.Client = b.reach(t, admin)
	b.confirm(t)

	members := []string{lab.MachineAt(1).MAC, lab.MachineAt(2).MAC}
	bond := api.BondSettings{Name: "bond0", Members: members}
	for _, mode := range []api.BondMode{
		api.BondModeBalanceRr, api.BondModeBalanceXor, api.BondModeBroadcast, api.BondModeN8023Ad, api.BondModeBalanceTlb, api.BondModeBalanceAlb, api.BondModeActiveBackup,
	} {
		bond.Mode = mode
		if mode == api.BondModeActiveBackup {
			bond.Primary = members[0]
		}
		settings.Bonds = []api.BondSettings{bond}
		b.try(t, settings)
		b.confirm(t)
		b.bonded(t, b.Client, mode)
	}

	b.agreed(t, settings, cables)

	b.recording(t)
	unconfirmed := settings
	unconfirmed.Interfaces = slices.Clone(settings.Interfaces)
	unconfirmed.Interfaces[0].Ipv4.Addresses = []string{away.String() + "/24"}
	b.try(t, unconfirmed)
	began := time.Now()
	other := b.reach(t, lab.MachineAt(1).Addr) // by the bond
	// The firewall lets 50 echoes a second pass: the measure is as fine as that.
	gap, echoes, err := b.Lab.Echoes(lab.MachineAt(1).Addr, 20*time.Millisecond, func() { b.pullMembers(t, other) })
	if t.Logf("the longest time between two of %d echoes by the bond was %v", echoes, gap); err != nil || gap > time.Second || echoes < 30 {
		t.Errorf("a bond whose members are pulled does not answer for %v, %d echoes, %v", gap, echoes, err)
	}
	b.Client = b.reach(t, admin)
	if took := time.Since(began); took < 50*time.Second || took > 80*time.Second {
		t.Errorf("the change was rolled back after %v", took)
	}
	if n := b.network(t); n.Trial.EndsMs != 0 || n.Settings.Interfaces[0].Ipv4.Addresses[0] != admin.String()+"/24" {
		t.Errorf("after the roll-back: %+v", n)
	}
	b.nothingLost(t, "gate", began)

	settings.Vlans = []api.VLANSettings{{Name: "cams.10", Parent: "bond0", Tag: 10, Ipv4: api.IPv4Settings{Method: api.IPv4SettingsMethodStatic, Addresses: []string{"10.79.0.2/24"}}}}
	b.try(t, settings)
	b.confirm(t)
	for _, tag := range []uint16{10, 0, 11} {
		patience := 10 * time.Second
		if tag != 10 {
			patience = time.Second
		}
		holder, err := b.Lab.AskTagged(tag, netip.MustParseAddr("10.79.0.1"), netip.MustParseAddr("10.79.0.2"), patience)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[uint16]string{10: members[0]}[tag]; holder.String() != want {
			t.Errorf("in VLAN %d %q answers, want %q", tag, holder, want)
		}
	}

	settings.Interfaces[0].Label = "never confirmed"
	b.try(t, settings)
	before, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
	b.Swapped = true
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	if _, err := b.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	b.Client = b.reach(t, admin)
	b.bonded(t, b.Client, api.BondModeActiveBackup)
	b.until(t, time.Minute, "the VLAN is there", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		vlan := nic(s, "cams.10")
		return met(slices.Equal(vlan.Addresses, []string{"10.79.0.2/24"}) && vlan.Parent == "bond0", err, s.Interfaces)
	})
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was, is := nic(before, lab.MachineAt(0).MAC).Slot, nic(s, lab.MachineAt(0).MAC).Slot
	if !strings.HasPrefix(was, "0000:") || !strings.HasPrefix(is, "0000:") || was == is {
		t.Errorf("its card was in slot %q, and is in %q", was, is)
	}
	b.counts(t, lab.MachineAt(0).MAC)
	if n := nic(s, lab.MachineAt(0).MAC); n.Name != "lan1" || n.Label != "desk" || n.Device == "eth0" || !slices.Equal(n.Addresses, []string{admin.String() + "/24"}) {
		t.Errorf("after the NICs were found in another order: %+v", n)
	}
	b.powerOff(t)
}

// nic finds an interface by its id.
func nic(s api.Status, id string) api.Interface {
	for _, i := range s.Interfaces {
		if i.ID == id {
			return i
		}
	}
	return api.Interface{}
}

func (b *bench) network(t *testing.T) (n api.Network) {
	t.Helper()
	if err := b.Call(t.Context(), http.MethodGet, "/network", nil, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// counts holds what a card says of itself against what is known of it: its speed, and that the question for it went through it.
func (b *bench) counts(t *testing.T, mac string) {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := nic(s, mac)
	if !first.Carrier || first.SpeedMbps != 1000 || first.Duplex != api.InterfaceDuplexFull || first.RxErrors != 0 || first.TxErrors != 0 {
		t.Errorf("a card of 1 Gbit/s without an error says %+v", first)
	}
	b.until(t, said, "the card counts", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		now := nic(s, mac)
		return met(now.RxBytes >= first.RxBytes+500 && now.TxBytes >= first.TxBytes+500 && now.RxPackets > first.RxPackets && now.TxPackets > first.TxPackets, err, now)
	})
}

// try puts settings on trial.
func (b *bench) try(t *testing.T, s api.NetworkSettings) (plan api.Plan) {
	t.Helper()
	if err := b.Call(t.Context(), http.MethodPut, "/network", api.NetworkRequest{Settings: s}, &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Trial.LeftMs == 0 {
		t.Fatalf("no trial: %+v", plan)
	}
	return plan
}

func (b *bench) confirm(t *testing.T) {
	t.Helper()
	if err := b.Call(t.Context(), http.MethodPost, "/network/confirm", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// reach logs in at one of the machine's addresses, once it answers there.
func (b *bench) reach(t *testing.T, at netip.Addr) *appliance.Client {
	t.Helper()
	web, err := b.Lab.Forward("127.0.0.1:0", netip.AddrPortFrom(at, 443).String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.At("https://" + web.String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err = c.Until(ctx, "the machine answers at "+at.String(), func() (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // of an address that is not there yet nothing comes back
		defer cancel()
		err := c.Call(ctx, http.MethodGet, "/setup", nil, nil)
		return err == nil, err
	})
	if err == nil {
		err = c.Login(ctx, owner, password)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bonded waits until the bond works in a mode, with both members and an address by DHCP.
func (b *bench) bonded(t *testing.T, c *appliance.Client, mode api.BondMode) {
	t.Helper()
	start := time.Now()
	want := lab.MachineAt(1).Addr
	b.until(t, time.Minute, fmt.Sprintf("bond0 works in mode %s", mode), func(ctx context.Context) (bool, error) {
		s, err := c.Status(ctx)
		bond := nic(s, "bond0")
		ok := bond.BondState.Mode == mode && len(bond.BondState.Members) == 2 && bond.Carrier && bond.Problem == "" &&
			bond.Dhcp.Status == api.DhcpStatusBound && slices.Equal(bond.Addresses, []string{want.String() + "/24"})
		for i := 1; i <= 2; i++ {
			ok = ok && nic(s, lab.MachineAt(i).MAC).Member.Link == api.BondMemberLinkUp
		}
		return met(ok, err, s.Interfaces)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := b.Lab.Dial(ctx, "tcp", netip.AddrPortFrom(want, 443).String())
	if err != nil {
		t.Fatalf("by the bond in mode %s: %v", mode, err)
	}
	conn.Close()
	t.Logf("%s works after %.1f s", mode, time.Since(start).Seconds())
}

// pullMembers pulls one member after the other, and plugs it in again.
func (b *bench) pullMembers(t *testing.T, c *appliance.Client) {
	t.Helper()
	for i := 1; i <= 2; i++ {
		pulled, stays := lab.MachineAt(i).MAC, lab.MachineAt(3-i).MAC
		for _, up := range []bool{false, true} {
			if err := b.VM.SetLink(t.Context(), fmt.Sprintf("net%d", i), up); err != nil {
				t.Fatal(err)
			}
			link, active := api.BondMemberLinkDown, stays
			if up {
				link, active = api.BondMemberLinkUp, lab.MachineAt(1).MAC // the primary, whenever it has a link
			}
			b.until(t, 20*time.Second, fmt.Sprintf("the bond knows that member %d is up %v", i, up), func(ctx context.Context) (bool, error) {
				s, err := c.Status(ctx)
				return met(nic(s, pulled).Member.Link == link && nic(s, "bond0").BondState.Active == active, err, s.Interfaces)
			})
		}
	}
}

// nothingLost says that from an instant on until now each frame that the camera sent is recorded, in one segment's file
// after the other, none from a second connection.
func (b *bench) nothingLost(t *testing.T, own string, since time.Time) {
	t.Helper()
	now := time.Now()
	b.footage(t, b.cameras[own], now)
	var numbers []int64
	for _, s := range b.verify(t, own) {
		numbers = append(numbers, s.Number)
	}
	var sent []int64
	for _, f := range b.Site.Cameras.Camera(own).Sent() {
		if at := time.UnixMicro(f.CaptureUs); at.After(since) && at.Before(now.Add(-time.Second)) {
			sent = append(sent, f.Number)
		}
	}
	lost := 0
	for _, n := range sent {
		if !slices.Contains(numbers, n) {
			lost++
		}
	}
	if lost > 0 || len(sent) == 0 {
		t.Errorf("of %d frames that were sent while members were pulled %d are lost", len(sent), lost)
	}
	line, err := b.timeline(t.Context(), b.cameras[own])
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range line.Segments {
		cut := i > 0 && s.StartMs <= line.Segments[i-1].EndMs // it was long enough
		if s.StartMs > since.UnixMilli() && s.StartMs < now.UnixMilli() && !cut {
			t.Errorf("the camera was connected to anew while members were pulled: %+v", line.Segments)
		}
	}
	t.Logf("%d frames were sent while members were pulled, %d lost", len(sent), lost)
}
