//go:build whole

package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigie/internal/console/machine"
	"vigie/internal/sysconfig"
	"vigie/services/web/webapi"
	"vigie/tools/stack"
)

// machineTask is the argument of network.mjs, access.mjs, time.mjs and reset.mjs.
type machineTask struct {
	stage
	Code  string `json:"code"`  // of the first set-up, or of a reset
	Moved string `json:"moved"` // URL of the web admin at another address, which is given to the machine
	Host  string `json:"host"`  // in the network of the cameras: this machine, as who asks for the time
	Key   string `json:"key"`   // file of a key for SSH; the public one is beside it
}

// The desk's network is the office, its other one the cameras'.
const (
	officeAddress  = "10.9.0.1/24"
	movedAddress   = "10.9.0.5/24"
	camerasAddress = "10.8.0.1/24"
)

// TestMachine: the pages that change how the machine is reached, of a machine with two cards whose network is real: it
// lives in a namespace, and the browser at the other end of its cables.
func TestMachine(t *testing.T) {
	box, desk := fmt.Sprintf("vigie-box-%d", os.Getpid()), fmt.Sprintf("vigie-desk-%d", os.Getpid())
	for _, ns := range []string{box, desk} {
		ip(t, "netns", "add", ns)
		t.Cleanup(func() { ip(t, "netns", "del", ns) })
		ip(t, "-n", ns, "link", "set", "lo", "up")
	}
	macs := []string{"52:54:00:7e:00:01", "52:54:00:7e:00:02"}
	for i, address := range []string{"10.9.0.2/24", "10.8.0.2/24"} {
		here := fmt.Sprintf("eth%d", i)
		ip(t, "-n", box, "link", "add", "veth"+here, "address", macs[i], "type", "veth", "peer", "name", here, "netns", desk)
		// An address that comes after a second, as IPv6 makes one, has the browser give up all that it asks just then
		// (ERR_NETWORK_CHANGED).
		ip(t, "-n", desk, "link", "set", here, "addrgenmode", "none")
		ip(t, "-n", desk, "address", "add", address, "dev", here)
		ip(t, "-n", desk, "link", "set", here, "up")
	}
	static := func(address string) sysconfig.IPv4 {
		return sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{address}}
	}
	b := open(t, "machine", stack.Config{Listen: "machine", Namespace: box}, func(volume string) error {
		c := sysconfig.Config{Network: sysconfig.Network{Interfaces: []sysconfig.NIC{
			{ID: macs[0], Name: "lan1", Label: "office", IPv4: static(officeAddress), Zones: []string{sysconfig.ZoneOffice}},
			{ID: macs[1], Name: "lan2", IPv4: static(camerasAddress), Zones: []string{sysconfig.ZoneCameras}},
		}}}
		doc, err := sysconfig.Encode(sysconfig.Document{Generation: 1, Config: c})
		if err != nil {
			return err
		}
		dir := filepath.Join(volume, "vigie", "machine")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "config.json"), doc, 0o600)
	})
	key := filepath.Join(b.dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-C", "jane@office", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	job := machineTask{stage: b.stage, Code: b.code, Moved: web(movedAddress), Host: "10.8.0.1", Key: key}
	job.URL = web(officeAddress)
	at := []string{"ip", "netns", "exec", desk}
	follow(t, "network.mjs", job, at...)
	if t.Failed() {
		return // the others begin where it ends
	}
	follow(t, "access.mjs", job, at...)
	// It leaves the web admin at another port, which the console's menu resets.
	console := machine.New(b.Socket(stack.System), b.Console())
	defer console.Close()
	if s := console.State(t.Context()); s.Web == nil || !slices.Contains(s.Web.URLs, "https://10.9.0.5:8443/") {
		t.Errorf("the console has %+v", s.Web)
	}
	if err := console.MoveWeb(t.Context(), sysconfig.WebPort); err != nil {
		t.Error(err)
	}
	follow(t, "time.mjs", job, at...)
	person := webapi.New(b.Console())
	defer person.Close()
	reset, err := person.ResetPassword(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job.Code = reset.Code
	follow(t, "reset.mjs", job, at...)
}

// web is the web admin's URL at an address.
func web(address string) string {
	host, _, _ := strings.Cut(address, "/")
	return "https://" + host + "/"
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
