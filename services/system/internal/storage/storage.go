// Package storage runs the disks: it keeps the inventory, looks at what is on each disk, mounts the volumes it knows,
// makes new ones on an administrator's word, watches them, and tells the board.
//
// One goroutine (Run) owns all state and never touches a disk. Whatever may block on one (reading it, mounting,
// formatting, asking how full it is) is a job: a goroutine for that disk alone, which sends its result back. A job
// that takes longer than its patience is reported as a disk that does not answer, and goes on; the other disks do not
// notice.
//
// In rescue mode every volume begins as one that somebody has unmounted, those of system disks too, and an array is started, and
// its disks compared, on a person's word alone: whatever hangs or is damaged is touched when somebody wants it, and not before.
//
// An administrator may have a volume unmounted, checked, repaired, renamed, or adopted from another machine; of one that failed
// it is told what to do.
//
// Invariants: a disk is formatted only when the administrator named its serial, or when it is blank, fixed and the
// boot option asks for that; never the medium that the machine was booted from, never while anything uses it. A volume
// is on the board as mounted only after its identity was checked and Attach returned. Volumes stay mounted when the
// service ends: the engine records on, and init unmounts at shutdown.
package storage

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/install"
)

// pace is how often things are done and how long they may take.
type pace struct {
	tick       time.Duration
	rescan     time.Duration // between looks at the inventory that no event asked for
	check      time.Duration // between looks at a volume's free space and health
	patience   time.Duration // until a disk with a job counts as not answering
	lone       time.Duration // the same for storage to settle without the only volume, which is still being mounted
	quiet      time.Duration // without a new disk, until storage counts as settled
	quietNone  time.Duration // the same while there is no disk at all: its driver may still start
	leave      time.Duration // until a volume must have been let go of that is to be unmounted
	retryMount time.Duration // before a volume that could not be mounted is tried again; doubles
}

var usual = pace{
	tick: 500 * time.Millisecond, rescan: 10 * time.Second, check: 5 * time.Second, patience: 15 * time.Second, lone: 2 * time.Minute,
	quiet: 3 * time.Second, quietNone: 8 * time.Second, retryMount: 5 * time.Second, leave: leaveWithin,
}

// stopPatience is for jobs when the service ends.
const stopPatience = 500 * time.Millisecond

// Config is what the manager is made with.
type Config struct {
	Root        string // folder of the mount points
	FormatBlank bool   // fixed blank disks become volumes
	Observe     bool   // look, and change nothing
	Rescue      bool   // mount and start nothing but on a person's word
	Dirs        []string
	BootLabel   string // ISO 9660 label of the boot medium

	// List returns the disks there are; Node the path of a device node.
	List func() ([]blockdev.Disk, error)
	Node func(name string) string
	// Settled is called once, when every disk present at boot has been dealt with.
	Settled func()
	// Attach is called in a disk's job when a volume was mounted and before it is shown; it may block. Detach is
	// called by Run when a volume is gone or unusable.
	Attach func(id, path string)
	Detach func(id string)
	Arrays Arrays
	Book   Book
	// Tell makes an event of what happened to a disk or an array.
	Tell func(id, serial string, severity diskbook.Severity, text string)
	// Seen is told the disks whenever they were listed; Health returns how one is, by its id. Neither waits for a disk.
	Seen   func([]blockdev.Disk)
	Health func(id string) api.DiskHealth
	// Booting: the machine was started, and not the service alone.
	Booting bool
	// Install writes a system disk; see package install. Installed: the machine was started from one.
	Install   func(ctx context.Context, t install.Target, sources []install.Source, step func(install.Step)) (activate func(context.Context) error, err error)
	Installed bool
	// PowerOff stops a removable disk that is mounted no more; it may be pulled then.
	PowerOff func(node, name string) error

	Now     func() time.Time
	Console *console.Console
	Log     *slog.Logger
}

// Board is where the state is shown.
type Board interface {
	SetDisks([]api.Disk)
	SetVolumes([]api.Volume)
	SetMedia([]api.Medium)
	SetArrays([]api.Array)
	SettleStorage()
}

// Manager runs the disks of one machine.
type Manager struct {
	cfg   Config
	board Board
	pace  pace

	results   chan func() // what jobs have to say; called by Run
	asks      chan ask    // what the API wants
	mediaAsks chan mediumAsk

	installAsks chan installAsk
	workAsks    chan workAsk

	jobs  sync.WaitGroup
	turns atomic.Uint64
	lag   atomic.Pointer[recordingLag]

	// The rest belongs to Run.
	disks   map[key]*disk
	volumes map[string]*vol // by id
	media   map[key]*med    // by the disk they are on
	arrays  map[string]*arr // by UUID
	began   time.Time
	newest  time.Time // when a disk was last added
	settled bool
	sick    bool     // the inventory cannot be read
	answers []func() // given after this round is published
}

// key names one appearance of a disk.
type key struct {
	name string
	seq  uint64
}

// New returns a manager; nothing is touched until Run.
func New(cfg Config, board Board) *Manager {
	return &Manager{
		cfg: cfg, board: board, pace: usual,
		results: make(chan func()), asks: make(chan ask), mediaAsks: make(chan mediumAsk), installAsks: make(chan installAsk), workAsks: make(chan workAsk),
		disks: map[key]*disk{}, volumes: map[string]*vol{}, media: map[key]*med{}, arrays: map[string]*arr{},
	}
}

// Run works until ctx is cancelled. Events are hints that the inventory changed.
func (m *Manager) Run(ctx context.Context, events <-chan blockdev.Event) error {
	m.began = m.cfg.Now()
	m.newest = m.began
	if m.cfg.Observe {
		m.openDirs()
	} else {
		m.dropStale()
	}
	m.scan(ctx, "")
	tick := time.NewTicker(m.pace.tick)
	defer tick.Stop()
	scanned := m.cfg.Now()
	for {
		m.turns.Add(1)
		select {
		case <-ctx.Done():
			m.wait()
			return nil
		case e := <-events:
			changed := ""
			if e.Action == "change" {
				changed = e.Name
			}
			m.scan(ctx, changed)
			scanned = m.cfg.Now()
		case result := <-m.results:
			result()
		case a := <-m.asks:
			m.respond(a.reply, m.format(ctx, a))
		case a := <-m.mediaAsks:
			m.answerMedium(ctx, a)
		case a := <-m.installAsks:
			m.respond(a.reply, m.install(ctx, a))
		case a := <-m.workAsks:
			m.respond(a.reply, a.work(ctx))
		case <-tick.C:
			if m.cfg.Now().Sub(scanned) >= m.pace.rescan {
				m.scan(ctx, "")
				scanned = m.cfg.Now()
			}
			m.watch(ctx)
			m.watchMedia(ctx)
			m.goOn(ctx)
			m.watchArrays(ctx)
		}
		m.notePlaces()
		m.publish()
		for _, answer := range m.answers {
			answer()
		}
		m.answers = nil
		m.settle(ctx) // last: whoever sees it sees the volumes too
	}
}

// respond answers somebody once this round's changes are published: who has got the answer finds them in the state.
func (m *Manager) respond(to chan<- error, err error) {
	m.answers = append(m.answers, func() { to <- err })
}

// Turns counts the rounds that Run has made: it grows for as long as no disk holds up the others.
func (m *Manager) Turns() uint64 { return m.turns.Load() }

// job runs work in a goroutine of its own and hands its result to Run.
func (m *Manager) job(ctx context.Context, work func() (result func())) {
	m.jobs.Add(1)
	go func() {
		defer m.jobs.Done()
		result := work()
		select {
		case m.results <- result:
		case <-ctx.Done():
		}
	}()
}

// wait gives jobs a moment to end. One that hangs in the kernel cannot be ended by anybody; it dies with the process.
func (m *Manager) wait() {
	done := make(chan struct{})
	go func() { m.jobs.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopPatience):
		m.cfg.Log.Warn("a disk does not answer; its work is abandoned")
	}
}

// scan compares the inventory with what is known. changed names a disk whose medium may be another one now.
func (m *Manager) scan(ctx context.Context, changed string) {
	list, err := m.cfg.List()
	if err != nil {
		if !m.sick {
			m.cfg.Log.Error("disks cannot be listed", "err", err)
		}
		m.sick = true
		return
	}
	m.sick = false
	m.cfg.Seen(list)
	present := map[key]bool{}
	for _, dev := range list {
		k := key{dev.Name, dev.Seq}
		present[k] = true
		d, known := m.disks[k]
		if !known {
			d = &disk{key: k}
			m.disks[k] = d
			m.newest = m.cfg.Now()
		}
		d.dev = dev
		// In rescue mode a disk whose boot loader was mended is a system disk again.
		again := dev.Name == changed && (dev.Removable || dev.Optical || m.cfg.Rescue) && d.volume == "" && !d.busy() && !m.media[k].used()
		if !known || again {
			m.look(ctx, d)
		}
	}
	for k, d := range m.disks {
		if d.parent != nil {
			k = d.parent.key // a partition is there as long as its disk is
		}
		if !present[k] {
			k = d.key
			m.gone(ctx, d)
			delete(m.disks, k)
		}
	}
}

// awaited is how long a disk may be busy until storage settles without it. While no volume is mounted, one that is being
// mounted may be all that has settings and accounts: a large file system takes its time after a power cut, and the machine must not
// pass itself off as a new one meanwhile.
func (m *Manager) awaited(d *disk) time.Duration {
	for _, v := range m.volumes {
		if v.status == api.VolumeStatusMounted || v.status == api.VolumeStatusReadonly {
			return m.pace.patience
		}
	}
	if d.phase == mounting {
		return m.pace.lone
	}
	return m.pace.patience
}

// settle says once that every disk present at boot has been dealt with.
func (m *Manager) settle(ctx context.Context) {
	if m.settled {
		return
	}
	now, pause := m.cfg.Now(), m.pace.quiet
	if len(m.disks) == 0 {
		pause = m.pace.quietNone
	}
	switch {
	case m.cfg.Observe: // the folders are ready, and disks do not matter
	case now.Sub(m.newest) < pause:
		return
	}
	if !m.arraysSettled() {
		return
	}
	for _, d := range m.disks {
		if d.busy() && now.Sub(d.since) < m.awaited(d) && !m.cfg.Observe {
			return
		}
	}
	if m.adoptAll(ctx) {
		return
	}
	m.settled = true
	m.missVolumes()
	m.cfg.Settled()
	m.board.SettleStorage()
	if !m.cfg.Observe && !m.cfg.Rescue && !slices.ContainsFunc(m.volumeList(), func(v api.Volume) bool { return v.Status == api.VolumeStatusMounted && v.Use != api.VolumeUseState }) {
		m.cfg.Console.Say("storage", "%s", m.nowhere())
	}
}

// nowhere says that there is no data volume, and what to do.
func (m *Manager) nowhere() string {
	for _, d := range m.disks {
		if d.parent == nil && !d.hidden && !d.dev.Optical && d.use != api.DiskUseBoot {
			return "storage: no data volume, so nothing can be recorded: format a disk in the web admin"
		}
	}
	return "storage: no disk, so nothing can be recorded: put one in, at any time, and format it in the web admin"
}

func (m *Manager) path(id string) string { return filepath.Join(m.cfg.Root, id) }
