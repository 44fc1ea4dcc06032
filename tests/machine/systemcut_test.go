//go:build whole

package machine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/installer/layout"
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
