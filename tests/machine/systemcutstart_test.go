//go:build whole

package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"

	"vigie/installer/layout"
	"vigie/internal/api"
	"vigie/tools/blockserver"
)

// What a disk is after a cut during its installation.
const (
	nothing  = "not installed"
	complete = "installed"
)

// afterInstallation judges the disks that an installation leaves which was cut, and starts some.
func (c *systemCuts) afterInstallation(t *testing.T, log *blockserver.Log, done, boots int) {
	t.Helper()
	final, err := os.Open(c.system)
	if err != nil {
		t.Fatal(err)
	}
	defer final.Close()
	efi, _ := c.table.Part(layout.EFI)
	slotA, _ := c.table.Part(layout.SlotA)
	firmware := func(left io.ReaderAt) (bios, uefi bool, err error) {
		bios, err = equal(left, 0, final, 0, layout.MBRCodeBytes)
		if err == nil {
			uefi, err = equal(left, efi.Start, final, efi.Start, layout.Sector)
		}
		return bios, uefi, err
	}
	judge := func(at int, left *blockserver.Remains, w *whole) (string, error) {
		bios, uefi, err := firmware(left)
		if err != nil || !bios && !uefi {
			if err == nil && at >= done {
				err = errors.New("it was said to be installed, and does not start")
			}
			return nothing, err
		}
		// Table, GRUB and EFI partition; the table's second copy.
		for _, part := range [][2]int64{{layout.Sector, slotA.Start}, {systemBytes - layout.TailBytes, systemBytes}} {
			if same, err := equal(left, part[0], final, part[0], part[1]-part[0]); err != nil || !same {
				return "", fmt.Errorf("it starts by BIOS %v, UEFI %v, and of the bytes from %d on some are not there (%v)", bios, uefi, part[0], err)
			}
		}
		for _, slot := range []layout.Role{layout.SlotA, layout.SlotB} {
			if v, err := w.in(left, slot); err != nil || v != c.first {
				return "", fmt.Errorf("it starts by BIOS %v, UEFI %v, and in slot %s is %q (%v)", bios, uefi, slot, v, err)
			}
		}
		if !bios {
			return nothing, nil
		}
		return complete, nil
	}
	// Half of them until both slots are written, half from then until it is complete, and one at its end.
	ops := log.Ops()
	slotB, _ := c.table.Part(layout.SlotB)
	filled := 0
	for i, o := range ops {
		if !o.Flush() && o.Off < slotB.Start+slotB.Size && o.Off+o.Size > slotB.Start {
			filled = i + 1
		}
	}
	moments := append(spread(c.r, boots/2, filled, done), spread(c.r, (boots-1)/2, 0, filled)...)
	moments = append(moments, done+c.r.IntN(4)-1)
	slices.Sort(moments)
	again := min(2, boots-1)
	c.cuts(t, log, moments, judge, func(at int, path, expected string) {
		t.Logf("installation cut after %d of %d (installed after %d): %s", at, len(ops), done, expected)
		c.plug(t, path)
		c.FromDisk, c.DisksFirst = false, true
		c.boot(t)
		c.outcomes["cut in the installation: "+expected]++
		c.owned(t)
		c.runsAs(t, expected)
		switch {
		case expected == complete:
			c.kept(t, 0)
		case again > 0:
			again--
			c.installNow(t)
			c.powerOff(t)
			c.boot(t)
			c.owned(t)
			c.runsAs(t, complete)
		}
		if err := c.Cut(); err != nil {
			t.Fatal(err)
		}
	})
	c.DisksFirst = false
}

// runsAs checks that a machine was started from its disk, if that is complete, or else from the medium.
func (c *systemCuts) runsAs(t *testing.T, disk string) {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil || (s.BootMode == api.StatusBootModeInstalled) != (disk == complete) {
		t.Errorf("with a disk that is %s it was started in mode %s (%v)", disk, s.BootMode, err)
	}
}

// owned logs in at a machine that may have been set up.
func (c *systemCuts) owned(t *testing.T) {
	t.Helper()
	if c.greeting.SetupCode != "" {
		c.makeOwner(t)
		return
	}
	if err := c.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
}

// spread is n moments from one up to another one, evenly but for chance.
func spread(r *rand.Rand, n, from, to int) (moments []int) {
	for i := range n {
		a, b := from+(to-from)*i/n, from+(to-from)*(i+1)/n
		moments = append(moments, a+r.IntN(max(b-a, 1)))
	}
	return moments
}

// during is the era of a moment.
func (c *systemCuts) during(at int) era {
	i := len(c.eras) - 1
	for i > 0 && c.eras[i].from > at {
		i--
	}
	return c.eras[i]
}

// afterUpdates judges the disks that a cut leaves of an installed machine, and starts some.
func (c *systemCuts) afterUpdates(t *testing.T, log *blockserver.Log, boots int) {
	t.Helper()
	ops := log.Ops()
	share := make([]int, len(c.eras))
	for i := range boots {
		share[(i+2)%len(share)]++ // a trial first
	}
	var moments []int
	for i, e := range c.eras {
		end := len(ops)
		if i+1 < len(c.eras) {
			end = c.eras[i+1].from
		}
		t.Logf("%s: %d writes and flushes", e.name, end-e.from)
		moments = append(moments, spread(c.r, share[i], e.from, end)...)
	}
	c.FromDisk = true
	c.cuts(t, log, moments, func(at int, left *blockserver.Remains, w *whole) (string, error) {
		version, err := w.starts(left)
		if e := c.during(at); err == nil && !slices.Contains(e.versions, version) {
			err = fmt.Errorf("version %s is started during %s", version, e.name)
		}
		return version, err
	}, func(at int, path, expected string) {
		e := c.during(at)
		t.Logf("cut after %d of %d, during %s: version %s must start", at, len(ops), e.name, expected)
		c.plug(t, path)
		c.boot(t)
		c.owned(t)
		if running, _, _ := c.slots(t); running.Version != expected {
			t.Errorf("version %s is started, want %s", running.Version, expected)
		}
		c.kept(t, at)
		c.outcomes["cut during "+e.name+": "+expected]++
		if err := c.Cut(); err != nil {
			t.Fatal(err)
		}
	})
}

// kept checks the settings of a machine whose power was cut after so many operations.
func (c *systemCuts) kept(t *testing.T, at int) {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.greeting.SetupCode != "" || s.Hostname != hostname {
		t.Errorf("it has the set-up code %q, and is called %s", c.greeting.SetupCode, s.Hostname)
	}
	var users []api.User
	if err := c.Call(t.Context(), http.MethodGet, "/users", nil, &users); err != nil {
		t.Fatal(err)
	}
	servers := []string{""} // that it may have
	for _, ch := range c.changes {
		there := slices.ContainsFunc(users, func(u api.User) bool { return u.Username == ch.user })
		switch {
		case ch.user != "" && at >= ch.made && !there:
			t.Errorf("account %s had been made, and is lost", ch.user)
		case ch.user != "" && at < ch.asked && there:
			t.Errorf("account %s is there before it was made", ch.user)
		case ch.server != "" && at >= ch.made:
			servers = []string{ch.server}
		case ch.server != "" && at >= ch.asked:
			servers = append(servers, ch.server)
		}
	}
	c.until(t, said, "it has its NTP server", func(ctx context.Context) (bool, error) {
		s, err := c.Status(ctx)
		return met(slices.Contains(servers, append(s.Clock.ConfiguredServers, "")[0]), err, fmt.Sprintf("%q, want of %q", s.Clock.ConfiguredServers, servers))
	})
}
