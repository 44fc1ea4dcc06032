//go:build whole

package machine

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/internal/api"
	"vigie/tools/blockserver"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

var starts = flag.Int("starts", 2, "how many of the disks that cuts leave of an installation and updates are started; from 10 on the way back is cut too")

// systemBytes is the size of the system disk: little more than the smallest one with a data volume.
const systemBytes = 3 << 30

// hostname is given to the machine before it is installed.
const hostname = "yard"

// TestSystemDiskSurvivesPowerCuts installs a machine, changes its settings, updates it and goes back, once, on a disk that notes
// what it is asked to do. From that come the disks that power cuts leave, at each moment of it, with any part of what was not
// flushed. All are judged by what firmware and GRUB read; some are started. One that was being installed either is no
// system disk, and the firmware goes on to the medium, from which it can be installed, or it is whole. One that was installed
// always starts a version that is whole and may run at that moment, with every setting that the web admin had said was made.
func TestSystemDiskSurvivesPowerCuts(t *testing.T) {
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d", seed)
	c := newSystemCuts(t, rand.New(rand.NewPCG(seed, 2)))
	if c.samples = 3; *starts >= 10 {
		c.samples = 24
	}
	installation, done := c.install(t)
	updates := c.updates(t, *starts >= 10)
	boots := max(1, *starts/4)
	c.afterInstallation(t, installation, done, boots)
	c.afterUpdates(t, updates, *starts-boots)
	t.Logf("%d states were judged, %d started: %v; of what was not flushed, %d bytes on average, %d were lost", c.judged, c.started, c.outcomes, c.unflushed/int64(c.judged), c.lost/int64(c.judged))
}

// systemCuts is a machine with one disk, and what became of that.
type systemCuts struct {
	*bench
	r      *rand.Rand
	dir    string
	socket string
	disk   *blockserver.Disk // that is plugged in
	server *blockserver.Server

	images map[string]*os.File // by version
	first  string              // the version that is installed
	table  layout.Table
	system string // file: the disk as it is installed

	log     *blockserver.Log // what is noted at present
	eras    []era
	samples int // of what is left at each moment
	changes []change

	judged, started int
	unflushed, lost int64
	outcomes        map[string]int
}

// era is a part of a story, from so many operations of the log on, in which any of some versions may run.
type era struct {
	from     int
	name     string
	versions []string
}

// change is a setting that was made: it was asked for before, and said to be made after, so many operations of the log.
type change struct {
	asked, made  int
	server, user string // one of both
}

func newSystemCuts(t *testing.T, r *rand.Rand) *systemCuts {
	socket := filepath.Join(shortDir(t), "s")
	dir := t.TempDir()
	if _, err := os.Stat("/dev/shm"); err == nil {
		if dir, err = os.MkdirTemp("/dev/shm", "vigie-test-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	b := openAsIs(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, Sockets: []string{socket}, Cameras: []rtspcam.Config{}})
	c := &systemCuts{bench: b, r: r, dir: dir, socket: socket, images: map[string]*os.File{}, outcomes: map[string]int{}}
	t.Cleanup(func() {
		if err := errors.Join(c.Cut(), c.unplug()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// plug has the machine have the disk at path from its next start on.
func (c *systemCuts) plug(t *testing.T, path string) {
	t.Helper()
	err := c.unplug()
	if err == nil {
		c.disk, err = blockserver.OpenDisk(path, systemBytes)
	}
	if err == nil {
		c.server, err = blockserver.Listen(c.socket, c.disk)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (c *systemCuts) unplug() (err error) {
	if c.server != nil {
		err = c.server.Close()
	}
	if c.disk != nil {
		err = errors.Join(err, c.disk.Close())
	}
	c.disk, c.server = nil, nil
	return err
}

// now is how many operations the log has.
func (c *systemCuts) now() int { return len(c.log.Ops()) }

func (c *systemCuts) record(t *testing.T, base string) {
	t.Helper()
	var err error
	if c.log, err = c.disk.Record(filepath.Join(c.dir, base)); err != nil {
		t.Fatal(err)
	}
}

// install installs the machine, with an administrator and a name, and returns what was done to the disk, and after how much of it
// the machine said that it is installed.
func (c *systemCuts) install(t *testing.T) (log *blockserver.Log, done int) {
	t.Helper()
	c.system = filepath.Join(c.dir, "system")
	c.plug(t, c.system)
	c.boot(t)
	c.makeOwner(t)
	var plan api.Plan
	if err := c.Call(t.Context(), http.MethodPut, "/network", api.NetworkRequest{Settings: api.NetworkSettings{Hostname: hostname}}, &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Trial.LeftMs != 0 {
		c.confirm(t)
	}
	image, err := os.Open("../../build/system.img")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { image.Close() })
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.first = s.Version
	c.images[c.first] = image

	c.record(t, "blank")
	c.installNow(t)
	log, done = c.log, c.now()
	c.powerOff(t)
	if err := c.unplug(); err != nil {
		t.Fatal(err)
	}
	f, table := openSystem(t, c.system)
	f.Close()
	c.table = table
	t.Logf("an installation is %d writes and flushes; %d more until the machine is off", done, len(log.Ops())-done)
	return log, done
}

// installNow has the machine that runs from the medium install itself on its disk.
func (c *systemCuts) installNow(t *testing.T) {
	t.Helper()
	var disk string
	c.until(t, time.Minute, "the disk can be installed on", func(ctx context.Context) (bool, error) {
		s, err := c.Status(ctx)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(s.Disks, func(d api.Disk) bool { return d.Serial == "DATA0" })
		if i < 0 || !s.StorageSettled {
			return false, nil
		}
		disk = s.Disks[i].ID
		err = c.Call(ctx, http.MethodPost, "/disks/"+disk+"/install", api.InstallRequest{ConfirmSerial: "DATA0", DataVolume: true}, nil)
		return err == nil, err
	})
	c.until(t, 3*time.Minute, "the machine is installed", func(ctx context.Context) (bool, error) {
		s, err := c.Status(ctx)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(s.Disks, func(d api.Disk) bool { return d.ID == disk })
		if i < 0 {
			return false, errors.New("the disk is gone")
		}
		if o := s.Disks[i].Operation; o.Status == api.OperationStatusFailed {
			t.Fatalf("installing: %s", o.Message)
		}
		return s.Disks[i].Operation.Status == api.OperationStatusDone && s.Disks[i].Use == api.DiskUseSystem, nil
	})
}

// era begins an era of the story.
func (c *systemCuts) era(name string, versions ...string) {
	c.eras = append(c.eras, era{c.now(), name, versions})
}

// updates starts the installed machine, and tells its story: settings, an update that is confirmed, settings, and if it is to be
// long the way back to the version of before, and settings.
func (c *systemCuts) updates(t *testing.T, long bool) *blockserver.Log {
	t.Helper()
	const next = "next"
	c.images[next] = variant(t, next, "2m", "")
	worn := filepath.Join(c.dir, "worn")
	run(t, "cp", "--sparse=always", c.system, worn)
	c.plug(t, worn)
	c.record(t, "installed")
	c.FromDisk = true
	c.era("settings", c.first)
	c.boot(t)
	if err := c.Login(t.Context(), owner, password); err != nil {
		t.Fatal(err)
	}
	c.change(t)
	c.change(t)
	c.era("writing", c.first)
	if offer, err := c.SendUpdate(t.Context(), c.images[next]); err != nil || offer.Version != next {
		t.Fatalf("%+v, %v", offer, err)
	}
	trial := func(from, to string) {
		t.Helper()
		c.era("trial of "+to, from, to)
		if err := c.Call(t.Context(), http.MethodPost, "/update/try", api.UpdateTry{Version: to}, nil); err != nil {
			t.Fatal(err)
		}
		if o := c.says(t, `update: version \S+ works, and is confirmed`); o.Result != api.UpdateOutcomeResultConfirmed || o.To != to {
			t.Fatalf("%+v", o)
		}
		c.era("confirmed "+to, to)
		c.change(t)
	}
	trial(c.first, next)
	if long {
		trial(next, c.first)
	}
	c.powerOff(t)
	if err := c.unplug(); err != nil {
		t.Fatal(err)
	}
	return c.log
}

// change makes an account, and another setting of the clock.
func (c *systemCuts) change(t *testing.T) {
	t.Helper()
	n := len(c.changes)
	made := func(ch change, method, path string, body any) {
		t.Helper()
		ch.asked = c.now()
		if err := c.Call(t.Context(), method, path, body, nil); err != nil {
			t.Fatal(err)
		}
		ch.made = c.now()
		c.changes = append(c.changes, ch)
	}
	user, server := fmt.Sprintf("guard%d", n), fmt.Sprintf("ntp%d.example.com", n)
	made(change{user: user}, http.MethodPost, "/users", api.UserRequest{Username: user, Password: password + user, Profile: api.ProfileViewer})
	made(change{server: server}, http.MethodPut, "/clock", api.ClockRequest{NtpServers: []string{server}})
}

// judge says what a disk is that a cut leaves after so many operations; it is an error if that may not be.
type judge func(at int, left *blockserver.Remains, w *whole) (string, error)

// cuts goes through a log, judges what a power cut leaves at each moment of it, and hands those at some moments on.
func (c *systemCuts) cuts(t *testing.T, log *blockserver.Log, moments []int, judge judge, start func(at int, path, expected string)) {
	t.Helper()
	replay, err := log.Replay(filepath.Join(c.dir, "replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	ops := log.Ops()
	w := &whole{cuts: c, touched: map[layout.Role]int{}, known: map[wholeKey]string{}}
	for at := range len(ops) + 1 {
		if err := replay.To(at); err != nil {
			t.Fatal(err)
		}
		if at < len(ops) {
			w.next(at, ops[at])
		}
		for range c.samples {
			left := replay.Cut(c.r)
			expected, err := judge(at, left, w)
			if err != nil {
				t.Fatalf("after %d of %d: %v", at, len(ops), err)
			}
			c.judged++
			c.unflushed += left.Unflushed
			c.lost += left.Lost
			for len(moments) > 0 && moments[0] == at {
				moments = moments[1:]
				path := filepath.Join(c.dir, "cut")
				if err := left.CopyTo(path); err != nil {
					t.Fatal(err)
				}
				start(at, path, expected)
				c.started++
			}
			if left.Unflushed == 0 { // it is always the same
				break
			}
		}
	}
	c.seesLies(t, log, judge, w)
}

// seesLies checks that who judges would notice a disk that says that it has flushed, and has not.
func (c *systemCuts) seesLies(t *testing.T, log *blockserver.Log, judge judge, w *whole) {
	t.Helper()
	replay, err := log.Replay(filepath.Join(c.dir, "replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	replay.Lies = true
	end := len(log.Ops())
	if err := replay.To(end); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.touched[layout.SlotA], w.touched[layout.SlotB] = end, end // nothing is known of them
		if _, err := judge(end, replay.Cut(c.r), w); err != nil {
			t.Logf("of a disk that does not flush it is said: %v", err)
			return
		}
	}
	t.Error("a disk that does not flush is taken for one that does")
}

// whole knows which versions are in the slots, without reading again what has not changed.
type whole struct {
	cuts    *systemCuts
	touched map[layout.Role]int // by which operation last, from 1
	flushed int
	known   map[wholeKey]string
}

type wholeKey struct {
	slot    layout.Role
	touched int
}

// next is told the operation that is under way.
func (w *whole) next(at int, o blockserver.Op) {
	if o.Flush() {
		w.flushed = at + 1
		return
	}
	for _, slot := range []layout.Role{layout.SlotA, layout.SlotB} {
		if p, _ := w.cuts.table.Part(slot); o.Off < p.Start+p.Size && o.Off+o.Size > p.Start {
			w.touched[slot] = at + 1
		}
	}
}

// in is the version in a slot that GRUB could start: "" is none. It is an error if that is not all there.
func (w *whole) in(disk io.ReaderAt, slot layout.Role) (string, error) {
	p, _ := w.cuts.table.Part(slot)
	head := make([]byte, layout.Sector)
	if _, err := disk.ReadAt(head, p.Start); err != nil {
		return "", err
	}
	if !bytes.HasPrefix(head, []byte("hsqs")) {
		return "", nil
	}
	key := wholeKey{slot, w.touched[slot]}
	if v, ok := w.known[key]; ok && w.touched[slot] < w.flushed {
		return v, nil
	}
	for version, image := range w.cuts.images {
		info, err := image.Stat()
		if err != nil {
			return "", err
		}
		same, err := equal(disk, p.Start, image, 0, info.Size())
		if err != nil {
			return "", err
		}
		if same {
			if w.touched[slot] < w.flushed {
				w.known[key] = version
			}
			return version, nil
		}
	}
	return "", errors.New("slot " + string(slot) + " could be started, and is not whole")
}

// equal compares bytes of two disks.
func equal(a io.ReaderAt, atA int64, b io.ReaderAt, atB, size int64) (bool, error) {
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for done := int64(0); done < size; done += int64(len(x)) {
		n := min(int64(len(x)), size-done)
		if _, err := a.ReadAt(x[:n], atA+done); err != nil {
			return false, err
		}
		if _, err := b.ReadAt(y[:n], atB+done); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
	}
	return true, nil
}

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

// starts is the version that GRUB starts, by its script's rules, which package loader's tests run in every situation.
func (w *whole) starts(disk io.ReaderAt) (string, error) {
	d, err := installer.Open(looked{disk}, systemBytes)
	if err != nil {
		return "", err
	}
	states, err := d.Slots()
	if err != nil {
		return "", fmt.Errorf("the states of the slots are lost: %w", err)
	}
	order := []string{states.First, loader.Other(states.First)}
	for _, slot := range order {
		may := states.Of(slot) == loader.Confirmed
		if states.Of(slot) == loader.Trying {
			n, err := d.Starts(states.Trial)
			if err != nil {
				return "", err
			}
			may = n < loader.Starts
		}
		if !may {
			continue
		}
		if version, err := w.in(disk, layout.Role(slot)); err != nil || version != "" {
			return version, err
		}
	}
	return "", fmt.Errorf("nothing that is known to work can be started: %+v", states)
}

// looked is a disk that is only looked at.
type looked struct{ io.ReaderAt }

func (looked) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (looked) Flush() error                       { return errors.ErrUnsupported }

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
	if got := append(s.Clock.ConfiguredServers, "")[0]; !slices.Contains(servers, got) {
		t.Errorf("its NTP server is %q, want of %q", got, servers)
	}
}
