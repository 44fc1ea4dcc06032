package menu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/terminal"
	"vigie/internal/console/terminaltest"
	"vigie/services/web/webapi"
)

// fake is a machine whose answers the test sets.
type fake struct {
	mu      sync.Mutex
	state   machine.State
	refuse  error
	network api.Network
	done    []string

	installation api.Installation
	installing   string          // disk
	steps        []api.Operation // of the installation; each is seen once, the last stays
	ends         api.Operation

	update  api.Update
	offers  []api.UpdateOffer
	writing []api.UpdateWriting // as the update is asked for; each is seen once, the last stays
}

func (f *fake) State(context.Context) machine.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.steps) > 0 {
		system := *f.state.System
		system.Disks = slices.Clone(system.Disks)
		system.Disks[slices.IndexFunc(system.Disks, func(d api.Disk) bool { return d.ID == f.installing })].Operation = f.steps[0]
		if f.state.System = &system; len(f.steps) > 1 {
			f.steps = f.steps[1:]
		}
	}
	return f.state
}

func (f *fake) act(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	f.done = append(f.done, what)
	return nil
}

func (f *fake) Power(_ context.Context, a api.PowerRequestAction) error { return f.act(string(a)) }

func (f *fake) ResetPassword(context.Context) (webapi.Reset, error) {
	return webapi.Reset{Username: "owner", Code: "ABCD-EFGH", ExpiresMs: time.Now().UnixMilli() + 30*60_000}, f.act("reset")
}

func (f *fake) FactoryReset(_ context.Context, r api.FactoryReset) error {
	what := r.Confirm
	for _, v := range r.Erase {
		what += " " + v.Volume + "=" + v.ConfirmSerial
	}
	return f.act(what)
}

func (f *fake) Network(context.Context) (api.Network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.network, nil
}

func (f *fake) PlanNetwork(_ context.Context, n api.Network) (api.Plan, error) {
	if f.refuse != nil {
		return api.Plan{}, f.refuse
	}
	return api.Plan{Steps: []api.PlanStep{{Kind: api.PlanStepKindInfo, Text: "lan1 gets other addresses."}, {Kind: api.PlanStepKindWarning, Text: "10.77.0.100 goes away."}},
		Urls: []string{"https://10.77.0.5/"}}, nil
}

func (f *fake) SetNetwork(_ context.Context, n api.Network) error {
	if err := f.act("network"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network = n
	return nil
}

func (f *fake) TryNetwork(ctx context.Context, n api.Network) error { return f.act("try") }
func (f *fake) ConfirmNetwork(context.Context) error                { return f.act("confirm") }

func (f *fake) MoveWeb(_ context.Context, port int) error {
	return f.act("port" + strconv.Itoa(port))
}

func (f *fake) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.done, " ")
}

func ready() machine.State {
	return machine.State{
		System: &api.Status{Version: "1.0", Hostname: "gate", StorageSettled: true, LocalName: "gate.local", DNSServers: []string{"10.77.0.1"},
			Interfaces: []api.Interface{{ID: "52:54:00:77:00:00", Name: "eth0", Mac: "52:54:00:77:00:00", Carrier: true, SpeedMbps: 1000, Addresses: []string{"10.77.0.100/24"},
				Gateway: "10.77.0.1", Dhcp: api.Dhcp{Status: api.DhcpStatusBound, Server: "10.77.0.1"}}, {ID: "52:54:00:77:00:01", Name: "eth1", Mac: "52:54:00:77:00:01"}}},
		Web: &webapi.Console{Opened: true, URLs: []string{"https://10.77.0.100/"}, SetupCode: "K3F9-0V1B",
			Fingerprint: strings.Repeat("AB:", 31) + "AB", Cameras: &webapi.Cameras{}},
	}
}

// sit runs a menu on a terminal until the test ends.
func sit(t *testing.T, f *fake, screen bool) *terminaltest.Person {
	t.Helper()
	return sitBefore(t, Config{Machine: f, Screen: screen})
}

// sitBefore has somebody sit before a menu, which ends with the test.
func sitBefore(t *testing.T, c Config) *terminaltest.Person {
	t.Helper()
	p, _ := sitAt(t, c)
	return p
}

// sitAt also returns the menu's end of the terminal.
func sitAt(t *testing.T, c Config) (*terminaltest.Person, *terminal.Terminal) {
	t.Helper()
	p := terminaltest.Sit(t)
	term, err := terminal.Open(p.Device)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		c.Terminal, c.Said = term, func(string) {}
		m := New(c)
		m.refresh, m.quiet, m.follow = 100*time.Millisecond, time.Second, 10*time.Millisecond
		done <- m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the menu ended: %v", err)
		}
		if err := term.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, term
}

func TestAKeyGetsTheMenuAndItsChoicesLeadBack(t *testing.T) {
	f := &fake{state: ready()}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type(" ")
	p.Read(`Vigie 1\.0 on gate`)
	p.Read(`https://10\.77\.0\.100/`)
	p.Read(`K3F9-0V1B`)
	p.Read(`Choice: $`)

	p.Type("1")
	p.Read(`eth0 +52:54:00:77:00:00 +link of 1000 Mbit/s`)
	p.Read(`10\.77\.0\.100/24`)
	p.Read(`eth1 .* no link: check the cable`)
	p.Read(`gate\.local`)
	p.Read(`Choice: $`)
	p.Type("x")
	p.Read(`Vigie 1\.0 on gate`)
	p.Read(`Choice: $`)

	p.Type("7")
	p.Read(`'7' is none of the choices: press 1, 2, 3, 4, 5, Q or X\.`)
	p.Type("\x1b[B\x1b[B") // down twice
	p.Read(`\r *\rChoice: 1  Network`)
	p.Read(`\r *\rChoice: 2  Reset the administrator's password`)
	p.Type("\r")
	p.Read(`stays good until`)
	p.Read(`anything else goes back: $`)
	p.Type("yess\x7f\r")
	p.Read(`User    owner\r\n    Code    ABCD-EFGH`)
	p.Read(`for 30 minutes`)
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("x")
	p.Read(Hint)
	if got := f.did(); got != "reset" {
		t.Errorf("done: %q", got)
	}
	if strings.ContainsFunc(p.All(), func(r rune) bool { return r > '~' || r < ' ' && !strings.ContainsRune("\r\n\b", r) }) {
		t.Errorf("not fit for a plain terminal: %q", p.All())
	}
}

func TestAnAddressIsSetByHandAndTheNetworkIsReset(t *testing.T) {
	f := &fake{state: ready()}
	f.network.Settings = api.NetworkSettings{Hostname: "gate", Interfaces: []api.NICSettings{{ID: "52:54:00:77:00:00", Name: "lan1"}, {ID: "52:54:00:77:00:01", Name: "lan2", Label: "cameras"}}}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`Which interface`)
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`192\.168\.1\.20/24: $`)
	p.Type("10.77.0.999/24\r")
	p.Read(`"10\.77\.0\.999/24" is no IP address\. Write`)
	p.Type("10.77.0.5\r")
	p.Read(`255\.255\.255\.0: $`)
	p.Type("255.255.0.255\r")
	p.Read(`is no netmask`)
	p.Type("255.255.255.0\r")
	p.Read(`Gateway \(Enter for none\): $`)
	p.Type("10.77.0.1\r")
	p.Read(`with spaces\): $`)
	p.Type("10.77.0.1, 9.9.9.9\r")
	p.Read(`(?s)- lan1 gets other addresses\..*! 10\.77\.0\.100 goes away\.`)
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Done\. The web admin is at https://10\.77\.0\.5/ now\.`)
	p.Type(" ")
	p.Read(`Choice: $`)
	got, _ := f.Network(t.Context())
	want := api.IPv4Settings{Method: "static", Addresses: []string{"10.77.0.5/24"}, Gateway: "10.77.0.1"}
	if diff := cmp.Diff(want, got.Settings.Interfaces[1].Ipv4); diff != "" || got.Settings.Interfaces[1].Label != "cameras" || strings.Join(got.Settings.DNSServers, " ") != "10.77.0.1 9.9.9.9" {
		t.Errorf("%+v %s", got.Settings, diff)
	}
	p.Type("2")
	p.Read(`Choice: $`)
	p.Type("2")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Done\.`)
	p.Type(" ")
	p.Read(`Choice: $`)
	if got, _ := f.Network(t.Context()); got.Settings.Interfaces[1].Ipv4.Method != "dhcp" {
		t.Errorf("%+v", got.Settings)
	}
	p.Type("1")
	p.Read(`Choice: $`)
	p.Type("1")
	p.Read(`192\.168\.1\.20/24: $`)
	p.Type("2001:db8::5/64\r")
	p.Read(`none\): $`)
	p.Type("10.77.0.1\r")
	p.Read(`no IPv6 address of a router`)
	p.Type("fe80::1\r")
	p.Read(`with spaces\): $`)
	p.Type("\r")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Done\.`)
	p.Type(" ")
	p.Read(`Choice: $`)
	six := api.IPv6Settings{Method: "static", Addresses: []string{"2001:db8::5/64"}, Gateway: "fe80::1"}
	if got, _ := f.Network(t.Context()); cmp.Diff(six, got.Settings.Interfaces[0].Ipv6) != "" || got.Settings.Interfaces[0].Ipv4.Method != "" {
		t.Errorf("%+v", got.Settings)
	}
	p.Type("3")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Done\.`)
	if got, _ := f.Network(t.Context()); got.Settings.Hostname != "gate" || got.Settings.Interfaces != nil || got.Settings.DNSServers != nil {
		t.Errorf("%+v", got.Settings)
	}
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("4")
	p.Read(`443, again`)
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Done\. The web admin is at port 443\.`)
	if got := f.did(); !strings.HasSuffix(got, " port443") {
		t.Errorf("done: %q", got)
	}
}

func TestNothingIsDoneWithoutTheWord(t *testing.T) {
	f := &fake{state: ready()}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type("\r")
	for _, c := range []struct{ key, typed string }{{"3", "y\r"}, {"4", "\r"}, {"4", "\x1b"}, {"3", "no\r"}, {"2", "yes\x15\r"}, {"4", "\x03"}} {
		p.Read(`Choice: $`)
		p.Type(c.key)
		p.Read(`anything else goes back: $`)
		p.Type(c.typed)
	}
	p.Read(`Choice: $`)
	if got := f.did(); got != "" {
		t.Errorf("done: %q", got)
	}
	f.mu.Lock()
	f.refuse = machine.Refusal("Vigie only observes this machine.")
	f.mu.Unlock()
	p.Type("3")
	p.Read(`goes back: $`)
	p.Type("yes\r")
	p.Read(`Vigie only observes this machine\.`)
	f.mu.Lock()
	f.refuse = nil
	f.mu.Unlock()
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("4")
	p.Read(`goes back: $`)
	p.Type("YES\r")
	p.Read(`The machine is switching off\.`)
	got := f.did()
	for end := time.Now().Add(10 * time.Second); got == "" && time.Now().Before(end); got = f.did() { // it is said before
		time.Sleep(time.Millisecond)
	}
	if got != string(api.PowerRequestActionPoweroff) {
		t.Errorf("done: %q", got)
	}
}

func TestNoiseIsNotAnswered(t *testing.T) {
	f := &fake{state: ready()}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type("k")
	p.Read(`Choice: $`)
	for range nonsense - 1 {
		p.Type("\xff")
		p.Read(`That key is none of the choices`)
	}
	p.Type("\xff" + strings.Repeat("3yes\r", 20))
	p.Read(Hint) // once the line has been quiet; all of that is gone
	if got := f.did(); got != "" {
		t.Errorf("done: %q", got)
	}
	if n := strings.Count(p.All(), "Choice:"); n > nonsense {
		t.Errorf("noise was answered %d times", n)
	}
}

func TestTheMachinesScreenShowsACodeAndKeepsCurrent(t *testing.T) {
	f := &fake{state: ready()}
	p := sit(t, f, true)
	p.Resize(80, 25)
	p.Read(Hint)
	p.Type(" ")
	p.Read("\x1b\\[H\x1b\\[J")
	p.Read(`█`)
	p.Read(`Choice: $`)
	f.mu.Lock()
	next := ready()
	next.Web.URLs = []string{"https://10.77.0.101/"}
	f.state = next
	f.mu.Unlock()
	p.Read("\x1b\\[H\x1b\\[J(?s).*https://10\\.77\\.0\\.101/")
	p.Read(`Choice: $`)
	p.Type("q")
	p.Read(`any key: menu`)
	p.Type("\x1b")
	p.Read(`Choice: $`)
}

func TestTheScreensHintStaysBelowWhatIsAnnounced(t *testing.T) {
	for _, onScreen := range []bool{true, false} {
		p, term := sitAt(t, Config{Machine: &fake{state: ready()}, Screen: onScreen})
		p.Read(Hint)
		if err := term.Announce("news"); err != nil {
			t.Fatal(err)
		}
		p.Read(`news\r\n`)
		p.Type(" ")
		p.Read(`Choice: $`)
		if said, want := strings.Count(p.All(), Hint), map[bool]int{true: 2, false: 1}[onScreen]; said != want {
			t.Errorf("on the screen: %v; the hint was written %d times, want %d", onScreen, said, want)
		}
	}
}

// TestTheCodeOfASerialTerminalIsRead is told by a scanner that looks at what a terminal of 80 x 24 would show.
func TestTheCodeOfASerialTerminalIsRead(t *testing.T) {
	f := &fake{state: ready()}
	p := sit(t, f, false)
	p.Read(Hint)
	p.Type(" ")
	p.Read(`Choice: $`)
	p.Type("q")
	p.Read(`\n`)
	shown := p.Read(`(?s)(.*)  any key: menu`)[1]
	lines := strings.Split(strings.Trim(shown, "\r\n"), "\r\n")
	if len(lines) > 24 {
		t.Errorf("the code has %d lines, a terminal 24", len(lines))
	}
	var b strings.Builder // a picture of one pixel a cell, 2 x 2 to be square, as a scanner likes it 8 times
	width := 0
	for _, l := range lines {
		var row []byte
		back := false
		for l != "" {
			switch {
			case strings.HasPrefix(l, "\x1b[7m"):
				back, l = true, l[4:]
			case strings.HasPrefix(l, "\x1b["):
				back, l = false, l[strings.IndexByte(l, 'm')+1:]
			default:
				v := byte(0)
				if back {
					v = 0xaa
				}
				for range 8 {
					row = append(row, v)
				}
				l = l[1:]
			}
		}
		width = max(width, len(row))
		for range 16 {
			b.Write(row)
			b.Write(make([]byte, 8*46-min(8*46, len(row))))
		}
	}
	file := filepath.Join(t.TempDir(), "code.pgm")
	header := "P5\n368 " + strconv.Itoa(16*len(lines)) + "\n255\n"
	if err := os.WriteFile(file, []byte(header+b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "zbarimg", "-q", "--raw", file).Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "HTTPS://10.77.0.100" {
		t.Errorf("read as %q, %v (width %d)", got, err, width)
	}
}
