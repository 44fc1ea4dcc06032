//go:build whole

package machine

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/lab"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// lookUp asks by multicast DNS for an address, on the NIC that has the given one, and prints whose answer came and what it
// says. A resolver that knows no multicast DNS would do as much: one question, one answer (RFC 6762, section 6.7).
const lookUp = `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
s.bind((sys.argv[1], 0))
s.settimeout(2)
name = b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[2].split(".")) + b"\0"
s.sendto(struct.pack(">6H", 4711, 0, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1), ("224.0.0.251", 5353))
answer, who = s.recvfrom(9000)
assert struct.unpack(">2H", answer[:4])[0] == 4711
print(who[0], [socket.inet_ntoa(answer[i + 10:i + 14]) for i in range(len(answer) - 13) if answer[i:i + 4] == b"\0\1\0\1" and answer[i + 8:i + 10] == b"\0\4"][0])
`

// TestTheConsoleLetsIn does what an installer does at the screen and at the serial line, and reaches the machine on a
// cable at whose other end nobody gives addresses. It takes the configuration away in the browser, resets the machine, and brings the
// configuration back; and resets it at the console.
func TestTheConsoleLetsIn(t *testing.T) {
	const cable, here = "cable", "169.254.200.1"
	b := open(t, site.Config{Firmware: vm.BIOS, Image: "vigie.vhdx", Medium: vm.Fixed, DiskBytes: []int64{2 << 30},
		Cables:  []vm.NIC{{ID: "net1", MAC: "52:54:00:77:01:00", Tap: cable}},
		Cameras: []rtspcam.Config{{ID: "gate", Video: video(content.H264, 1, 500_000)}}})
	for _, args := range [][]string{
		{"tuntap", "add", cable, "mode", "tap"}, {"addr", "add", here + "/16", "dev", cable}, {"link", "set", cable, "up"},
	} {
		run(t, "ip", append([]string{"-n", b.Lab.Name()}, args...)...)
	}
	b.boot(t)
	b.setUp(t)
	b.recording(t)
	serial := b.VM.Console()
	read := func(pattern string) []string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := serial.Expect(ctx, regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	typed := func(keys string) {
		t.Helper()
		if err := serial.Send(keys); err != nil {
			t.Fatal(err)
		}
	}
	shots, err := filepath.Abs("../../build/shots")
	if err == nil {
		err = os.MkdirAll(shots, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}

	// the machine's own screen: a key, and a code that a phone reads
	if err := b.VM.Press(t.Context(), "spc"); err != nil {
		t.Fatal(err)
	}
	address := "HTTPS://" + lab.MachineAt(0).Addr.String()
	b.scan(t, filepath.Join(shots, "console-screen.png"), address+"/")
	if err := b.VM.Press(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	b.scan(t, filepath.Join(shots, "console-code.png"), address)

	// the serial line
	typed("\r")
	read(`Vigie \S+ on \S+\s`)
	if url := read(`Open +(https://\S+)\s`)[1]; url != "https://"+lab.MachineAt(0).Addr.String()+"/" {
		t.Errorf("the menu names %s", url)
	}
	if half := read(`([0-9A-F:]{47})\s`)[1]; !strings.HasPrefix(b.greeting.Fingerprint, half) {
		t.Errorf("the menu shows a certificate of %s, the greeting of %s", half, b.greeting.Fingerprint)
	}
	read(`1 of 1 send pictures, 1 are being recorded`)
	read(`DATA0 2\.1 GB volume`)
	read(`Choice: $`)
	typed("1")
	read(lab.MachineAt(0).Addr.String() + `/24`)
	name := read(`(\S+\.local)\s`)[1]
	read(`Choice: $`)
	typed("x")
	read(`Choice: $`)

	// a new password
	typed("2")
	read(`goes back: $`)
	typed("yes\r")
	code := read(`Code +(\S{4}-\S{4})\s`)[1]
	if err := b.Call(t.Context(), http.MethodGet, "/session", nil, nil); err == nil {
		t.Error("the sessions go on after a password reset")
	}
	reset := api.ResetRequest{Code: code, Password: password + " anew"}
	if err := b.Call(t.Context(), http.MethodPost, "/setup/reset", reset, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Login(t.Context(), owner, password); err == nil {
		t.Error("the old password is still good")
	}
	if err := b.Login(t.Context(), owner, password+" anew"); err != nil {
		t.Error(err)
	}
	typed(" ")
	read(`Choice: $`)

	// the cable without DHCP
	where := ""
	b.until(t, time.Minute, "the machine answers on a cable without DHCP", func(ctx context.Context) (bool, error) {
		out, err := exec.CommandContext(ctx, "ip", "netns", "exec", b.Lab.Name(), "python3", "-c", lookUp, here, name).CombinedOutput()
		if err != nil {
			return false, fmt.Errorf("%w: %s", err, out[max(0, len(out)-200):])
		}
		fields := strings.Fields(string(out))
		where = fields[0]
		if fields[1] != where || !strings.HasPrefix(where, "169.254.") {
			t.Errorf("%s answers for %s: %s", fields[0], name, fields[1])
		}
		return true, nil
	})
	t.Logf("%s is %s on the cable", name, where)
	out, err := exec.CommandContext(t.Context(), "ip", "netns", "exec", b.Lab.Name(), "curl", "-sk", "--max-time", "20", "https://"+where+"/api/v1/setup").Output()
	if err != nil || !strings.Contains(string(out), `"needed":false`) {
		t.Errorf("the web admin on the cable: %v %s", err, out)
	}
	if out := run6(t, b.Lab.Name(), cable); !strings.Contains(out, "fe80::") {
		t.Errorf("no neighbour by IPv6 on the cable: %s", out)
	}

	// an address for the cable, by hand
	const given = "10.78.1.9"
	run(t, "ip", "-n", b.Lab.Name(), "addr", "add", "10.78.1.1/24", "dev", cable)
	typed("1")
	for _, step := range []struct{ until, keys string }{
		{`Choice: $`, "1"}, {`Which interface\?`, ""}, {`Choice: $`, "2"}, {`192\.168\.1\.20/24: $`, given + "/24\r"},
		{`Gateway[^\n]*: $`, "\r"}, {`DNS[^\n]*: $`, "\r"}, {`lan2 gets ` + given + `/24`, ""}, {`goes back: $`, "yes\r"}, {`https://` + given + `/`, " "}, {`Choice: $`, "x"},
	} {
		read(step.until)
		typed(step.keys)
	}
	b.until(t, 20*time.Second, "the machine answers at the address that was typed", func(ctx context.Context) (bool, error) {
		out, err := exec.CommandContext(ctx, "ip", "netns", "exec", b.Lab.Name(), "curl", "-sk", "--max-time", "5", "https://"+given+"/api/v1/setup").Output()
		return err == nil && strings.Contains(string(out), `"needed":false`), err
	})
	read(`Choice: $`)

	// a factory reset in the browser, which leaves the recordings, and another one here, which does not
	past := b.cameras["gate"]
	first := b.footage(t, past, time.Now())
	if err := b.Login(t.Context(), owner, password+" anew"); err != nil {
		t.Fatal(err)
	}
	fingerprint := b.greeting.Fingerprint
	for _, r := range []api.FactoryReset{{Confirm: "yes", Erase: []api.FactoryResetVolume{}}, {Confirm: "factory reset", Erase: []api.FactoryResetVolume{{Volume: "none", ConfirmSerial: "DATA0"}}}} {
		if err := b.Call(t.Context(), http.MethodPost, "/factory-reset", r, nil); err == nil {
			t.Fatalf("%+v was not refused", r)
		}
	}
	configuration := map[string]string{"file": filepath.Join(t.TempDir(), "gate.vigie"), "passphrase": "four unrelated words", "camera": "gate"}
	b.browse(t, "export.mjs", password+" anew", configuration)
	b.browse(t, "reset.mjs", password+" anew", map[string]string{"serial": "DATA0"})
	b.isReset(t, fingerprint)
	b.pastCameras(t, "gate")
	if line, err := b.timeline(t.Context(), past); err != nil || len(line.Segments) == 0 || line.Segments[len(line.Segments)-1].EndMs < first.UnixMilli() {
		t.Errorf("the footage of before reaches %v, and should reach %v (%v)", line.Segments, first, err)
	}
	b.recording(t)
	b.browse(t, "import.mjs", password, configuration)
	b.cameras["gate"] = past
	b.recording(t)
	b.pastCameras(t, "gate") // the one that was there between the two
	b.footage(t, past, time.Now())
	if out, err := exec.CommandContext(t.Context(), "ip", "netns", "exec", b.Lab.Name(), "curl", "-sk", "--max-time", "20", "https://"+given+"/api/v1/setup").Output(); err != nil || !strings.Contains(string(out), `"needed":false`) {
		t.Errorf("the web admin at the address of the file: %v %s", err, out)
	}

	typed("\r")
	read(`Choice: $`)
	typed("5")
	read(`serial, DATA0: $`)
	typed("DATA0\r")
	read(`all recordings on 1 volume`)
	read(`goes back: $`)
	typed("factory reset\r")
	read(`The machine is reset, and restarts`)
	b.isReset(t, b.greeting.Fingerprint)
	b.pastCameras(t)

	typed("\r")
	read(`Choice: $`)
	typed("4")
	read(`goes back: $`)
	typed("yes\r")
	read(`switching off`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.VM.Wait(ctx); err != nil {
		t.Error(err)
	}
}

// isReset waits until the machine has started as one that nobody has set up, and sets it up.
func (b *bench) isReset(t *testing.T, fingerprint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for _, line := range []string{`first set-up: enter code`, `\n`} {
		if _, err := b.VM.Console().Expect(ctx, regexp.MustCompile(line)); err != nil {
			t.Fatal(err)
		}
	}
	b.connect(ctx, t)
	if b.greeting.Fingerprint == fingerprint {
		t.Error("it has the certificate of before")
	}
	if err := b.Login(t.Context(), owner, password); err == nil {
		t.Error("the administrator of before is let in")
	}
	clear(b.cameras)
	b.setUp(t)
	if list, err := b.Client.Cameras(t.Context()); err != nil || len(list) != len(b.cameras) {
		t.Errorf("cameras %+v, %v", list, err)
	}
}

// pastCameras checks the names of the cameras of which there is nothing but footage.
func (b *bench) pastCameras(t *testing.T, names ...string) {
	t.Helper()
	var list []api.PastCamera
	if err := b.Call(t.Context(), http.MethodGet, "/cameras/past", nil, &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, c.Name)
	}
	if !slices.Equal(got, names) {
		t.Errorf("former cameras %v, want %v", got, names)
	}
}

// run6 asks all nodes on a NIC's link for themselves, and lists who answered.
func run6(t *testing.T, ns, nic string) string {
	t.Helper()
	const ask = `
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
index = socket.if_nametoindex(sys.argv[1])
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
s.settimeout(5)
name = b"\x09_services\x07_dns-sd\x04_udp\x05local\0"
s.sendto(b"\0\7\0\0\0\1\0\0\0\0\0\0" + name + b"\0\x0c\0\1", ("ff02::fb", 5353, 0, index))
print(s.recvfrom(9000)[1][0])
`
	out, err := exec.CommandContext(t.Context(), "ip", "netns", "exec", ns, "python3", "-c", ask, nic).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

// scan waits until the machine's screen shows a QR code of an address.
func (b *bench) scan(t *testing.T, shot, want string) {
	t.Helper()
	b.until(t, 30*time.Second, "the screen shows a QR code", func(ctx context.Context) (bool, error) {
		if err := b.VM.Screenshot(ctx, shot); err != nil {
			return false, err
		}
		out, err := exec.CommandContext(ctx, "zbarimg", "-q", "--raw", shot).Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			return false, fmt.Errorf("it is read as %q, %w", got, err)
		}
		return true, nil
	})
}
