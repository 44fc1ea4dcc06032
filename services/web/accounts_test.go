package web

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/web/internal/keeper"
)

func parseAddr(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUntilTheDisksHaveBeenLookedAtItWaits(t *testing.T) {
	v := newVolume(t)
	a := start(t, setting{machine: api.Status{Hostname: "vigie-test"}})
	b := a.browserFor(keeper.ProbeName) // as the health check: without waiting for the certificate
	var state api.Setup
	if err := json.Unmarshal(b.do("GET", "/setup", "", 200).body, &state); err != nil || !state.Waiting || state.Needed {
		t.Fatalf("%+v %v", state, err)
	}
	if e := b.do("POST", "/login", login("admin", goodPassword), 503, "waiting").error(t); e.RetryAfterMs == 0 {
		t.Errorf("%+v", e)
	}
	b.do("POST", "/setup", `{"code":"","username":"","password":""}`, 503, "waiting")
	b.do("GET", "/cameras", "", 503, "waiting")
	a.system.set(func(s *api.Status) { *s = settled(v) })
	b.setUp()
	if got := a.fingerprint(); got != a.shown() {
		t.Errorf("certificate %s, on the console %s", got, a.shown())
	}
}

func TestAccountsAndCertificateComeBackFromAVolumeAfterAReboot(t *testing.T) {
	v := newVolume(t)
	first := start(t, setting{machine: settled(v)})
	b := first.browser()
	b.setUp()
	fingerprint := first.fingerprint()
	if got := first.shown(); got != fingerprint {
		t.Errorf("the console shows %s, the server %s", got, fingerprint)
	}
	first.stop()

	second := start(t, setting{machine: settled(v)}) // with an empty state folder: tmpfs is new
	second.stdout.await(t, "administrator is set")
	if got := second.fingerprint(); got != fingerprint || second.shown() != fingerprint {
		t.Errorf("fingerprint %s after the reboot, was %s", got, fingerprint)
	}
	again := second.browser()
	again.cookie = b.cookie
	again.do("GET", "/session", "", 401)
	again.do("POST", "/login", login("admin", goodPassword), 200)
	var state api.Setup
	if err := json.Unmarshal(again.do("GET", "/setup", "", 200).body, &state); err != nil || state.Needed {
		t.Errorf("%+v %v", state, err)
	}
}

// TestANewNameHasACertificateOfItsOwn: who knows the machine by another name sees no other, and is not cut off.
func TestANewNameHasACertificateOfItsOwn(t *testing.T) {
	v := newVolume(t)
	a := start(t, setting{machine: settled(v)})
	b := a.browser()
	b.setUp()
	before := a.fingerprint()
	open, err := tls.Dial("tcp", a.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	a.system.set(func(s *api.Status) { s.LocalName = "gate-4k7x.local" })
	a.stdout.await(t, `or by its name: https://gate-4k7x\.local:\d+/`)
	a.stdout.await(t, `certificate SHA-256 there:`)
	named := a.fingerprintFor("gate-4k7x.local")
	if named == before || named != a.shown() {
		t.Errorf("at the new name is %s, on the console %s, at the address %s", named, a.shown(), before)
	}
	if got := a.fingerprint(); got != before {
		t.Errorf("at the address is %s, was %s", got, before)
	}
	if _, err := fmt.Fprintf(open, "GET /api/v1/setup HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", a.address); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(open); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("the connection that stood: %q, %v", answer, err)
	}
	a.stop()
	again := start(t, setting{machine: settled(v)})
	again.stdout.await(t, "administrator is set")
	if got := again.fingerprintFor("gate-4k7x.local"); got != named || again.fingerprint() != before {
		t.Errorf("after a restart: %s and %s, were %s and %s", got, again.fingerprint(), named, before)
	}
}

func TestTheCertificateIsKeptBeforeAnybodyHasLoggedIn(t *testing.T) {
	v := newVolume(t)
	first := start(t, setting{machine: settled(v)})
	code, fingerprint := first.code(), first.shown()
	first.stop()
	second := start(t, setting{machine: settled(v)})
	if got := second.code(); got == code {
		t.Error("the set-up code is the one of the last start")
	}
	if got := second.shown(); got != fingerprint {
		t.Errorf("fingerprint %s after a restart, was %s", got, fingerprint)
	}
}

func TestARestartOfTheServiceLogsNobodyOut(t *testing.T) {
	v, state := newVolume(t), filepath.Join(t.TempDir(), "state")
	first := start(t, setting{machine: settled(v), state: state})
	b := first.browser()
	b.setUp()
	first.stop()
	second := start(t, setting{machine: settled(v), state: state})
	second.stdout.await(t, "administrator is set")
	again := second.browser()
	again.cookie = b.cookie
	again.do("GET", "/session", "", 200)
}

func TestWithoutAnyVolumeItWorksAndSaysSo(t *testing.T) {
	v := newVolume(t)
	a := start(t, setting{machine: settled()})
	b := a.browser()
	b.setUp()
	a.stdout.await(t, "accounts are in memory only until a data volume is there")
	a.system.set(func(s *api.Status) { *s = settled(v) })
	a.stdout.await(t, "accounts are kept on a data volume now")
	fingerprint := a.fingerprint()
	a.stop()
	second := start(t, setting{machine: settled(v)})
	second.stdout.await(t, "administrator is set")
	second.browser().do("POST", "/login", login("admin", goodPassword), 200)
	if got := second.fingerprint(); got != fingerprint {
		t.Errorf("fingerprint %s, was %s", got, fingerprint)
	}
}

func TestADiskThatComesLateBringsTheAccounts(t *testing.T) {
	v := newVolume(t)
	first := start(t, setting{machine: settled(v)})
	first.browser().setUp()
	fingerprint := first.fingerprint()
	first.stop()

	second := start(t, setting{machine: settled()})
	second.code()
	if second.fingerprint() == fingerprint {
		t.Fatal("two machines made the same certificate")
	}
	second.system.set(func(s *api.Status) { *s = settled(v) })
	second.stdout.await(t, "administrator is set")
	if got := second.fingerprint(); got != fingerprint || second.shown() != fingerprint {
		t.Errorf("certificate %s, want the disk's %s", got, fingerprint)
	}
	b := second.browser()
	b.do("POST", "/setup", `{"code":"x","username":"x","password":"x"}`, 409, "already_set_up")
	b.do("POST", "/login", login("admin", goodPassword), 200)
}

func TestADamagedCopyIsPassedOver(t *testing.T) {
	good, bad := newVolume(t), newVolume(t)
	bad = renamed(t, bad, "7d0c0e5e-58a1-4b0e-9c39-6c5c6f3a1b22")
	first := start(t, setting{machine: settled(good, bad)})
	first.browser().setUp()
	first.stop()
	folder := filepath.Join(bad, "vigie", "accounts")
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) == 0 {
		t.Fatalf("no copy on the second volume: %v", err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range content {
			content[i] ^= 0x55
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := start(t, setting{machine: settled(bad, good)})
	second.stdout.await(t, "administrator is set")
	second.browser().do("POST", "/login", login("admin", goodPassword), 200)
	second.warnsOf(filepath.Base(bad))
	second.stop()
	third := start(t, setting{machine: settled(bad, good)}) // after a boot
	third.stdout.await(t, "administrator is set")
	third.warnsOf(filepath.Base(bad))
}

// warnsOf waits until page and console tell of a volume, and of it alone, that its copy of the accounts was damaged.
func (a *appliance) warnsOf(volume string) {
	a.t.Helper()
	b := a.browser()
	b.do("POST", "/login", login("admin", goodPassword), 200)
	var copies []api.IndexCopy
	var warnings []string
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err := json.Unmarshal(b.do("GET", "/account-copies", "", 200).body, &copies); err != nil {
			a.t.Fatal(err)
		}
		shown, err := a.console.Console(a.t.Context())
		if err != nil {
			a.t.Fatal(err)
		}
		warnings = slices.DeleteFunc(shown.Warnings, func(w string) bool { return !strings.Contains(w, "damaged") })
		told := len(copies) == 2 && len(warnings) == 1 && strings.Contains(warnings[0], volume)
		for _, c := range copies {
			told = told && (c.DamagedMs != 0) == (c.Volume == volume) && (c.Damage != "") == (c.Volume == volume)
		}
		if told {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("of the damaged copy on %s it is said: %+v, %q", volume, copies, warnings)
		}
	}
}

func renamed(t *testing.T, volume, id string) string {
	t.Helper()
	to := filepath.Join(filepath.Dir(volume), id)
	if err := os.Rename(volume, to); err != nil {
		t.Fatal(err)
	}
	return to
}
