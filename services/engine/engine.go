// Package engine is the service that deals with video: it fetches cameras, records them, and shows them live and from
// the archive.
//
// Run puts the parts together. Data flows one way, camera → ingest → ring → record → archive, with live and playback
// reading beside; DESIGN.md has the picture, tests/house holds the packages to it. What the parts need of each other is
// handed over here and nowhere else.
//
// Order of starting: health (init must hear from us at once), the machine's word that the disks have been looked at (or
// systemapi.SettleWithin), the database from its newest copy, the archive with what a crash left open repaired, the cameras, the
// API. Order of stopping: API and viewers, cameras (each writes what its ring still holds), archive (closes its files),
// database. Each step needs the ones before it; all fit into init's limit unless a disk hangs, and then what can be lost
// is what such a disk had not taken.
package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/internal/health"
	"vigie/internal/mirror"
	"vigie/internal/version"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/export"
	"vigie/services/engine/internal/history"
	"vigie/services/engine/internal/httpapi"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/live"
	"vigie/services/engine/internal/playback"
	"vigie/services/engine/internal/relay"
	"vigie/services/engine/internal/relay/account"
	"vigie/services/engine/internal/repair"
	"vigie/services/engine/internal/retention"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/rtc"
	"vigie/services/engine/internal/transcode"
	"vigie/services/engine/internal/trigger"
	"vigie/services/system/systemapi"
)

const (
	// networkWithin is how long the cameras wait for the machine's first address. Without one none can be reached, so it may be as
	// long as DHCP takes, or the address that a machine gives itself when there is none.
	networkWithin = 10 * time.Second
	// repairWithin is how long the cameras wait for what a crash left open to be repaired, so that gaps get their true
	// length. A disk that hangs must not keep the others from recording.
	repairWithin = 5 * time.Second
	// drainWithin is how long the recorders may take to write what the rings hold when the engine stops.
	drainWithin = 2 * time.Second
)

// gcPercent is by how much the heap grows over what is in use before it is collected. What is in use is nearly all payloads
// of frames, in which the collector has nothing to look for: a collection costs a few milliseconds however large they are,
// while garbage costs memory in proportion to them. Go's 100 would double the engine's memory to save a hundredth of a core.
const gcPercent = 20

// UDP ports of WebRTC sessions, while they live: fewer than may be open at once, beside what another program has of them.
const rtcPortMin, rtcPortMax = 56000, 56099

// options are the flags.
type options struct {
	socket, system, state string
	decoder               string
	profile               string
	rescue                bool
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("engine", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.socket, "socket", "/run/vigie/engine/api.sock", "unix `socket` to serve the API on")
	fs.StringVar(&o.system, "system", "/run/vigie/system/api.sock", "unix `socket` of the system service")
	fs.StringVar(&o.state, "state", "/run/vigie/engine", "`folder` on tmpfs for the live database and what else is of this start of the machine")
	fs.StringVar(&o.decoder, "decoder", "/usr/libexec/vigie/ffmpeg", "`program` that makes pictures of video for browsers that cannot; without it they are told so")
	fs.StringVar(&o.profile, "cpuprofile", "", "`file` for a profile of where processor time went, from start to end, and beside it, with .heap, one of memory in use, made anew now and then; for measurements")
	fs.BoolVar(&o.rescue, "rescue", false, "rescue mode: no camera is fetched, nothing recorded or deleted; the database may be repaired")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

// recorded marks that an engine has begun to record since the machine started.
func (o options) recorded() mark { return mark(filepath.Join(o.state, "recorded")) }

// Run records until ctx ends. Standard output gets the lines for the installer, stderr the log.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := os.MkdirAll(o.state, 0o750); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	debug.SetGCPercent(gcPercent)
	if o.profile != "" {
		stop, perr := profile(o.profile)
		if perr != nil {
			return perr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	system := systemapi.New(o.system)
	defer system.Close()

	var written atomic.Uint64
	well := newPulse(&written, time.Now)
	m := newMachine()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return health.Serve(ctx, well.check) })
	group.Go(func() error {
		if err := system.Watch(ctx, m.set); ctx.Err() == nil {
			return err
		}
		return nil
	})
	group.Go(func() error {
		do := work
		if o.rescue {
			do = mend
		}
		for {
			if !m.settled(ctx, systemapi.SettleWithin) && ctx.Err() == nil {
				log.Warn("not all disks have been looked at in time; going on with those there are")
			}
			if ctx.Err() != nil {
				return nil
			}
			switch err := do(ctx, o, m, system, well, log, stdout); {
			case errors.Is(err, errAdopted):
				log.Info("a volume brought cameras and recordings; starting again with them")
				if err := o.recorded().remove(); err != nil { // what the volume brought is from before
					log.Warn("the mark of an engine that recorded cannot be taken away", "err", err)
				}
			case errors.Is(err, errImported):
				log.Info("a configuration was brought; starting again with it")
			default:
				return err
			}
		}
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// errAdopted: a volume that came late holds the database of this recorder, which had none yet.
var errAdopted = errors.New("the database came with a volume")

// openDatabase opens the database, with the index that is in it and what is known of damage to its copies. adopted is called when a
// volume that comes late has this recorder's, to start again with. Close the database.
func openDatabase(o options, m *machine, adopted func(), log *slog.Logger) (_ *mirror.DB, _ *index.Index, _ *mirror.Damages, err error) {
	bad := mirror.NewDamages()
	db, _, err := mirror.Open(mirror.Config{
		Path: filepath.Join(o.state, "engine.db"), Name: "engine", Log: log, Forgotten: m.forgotten(),
		Adopted: adopted, Rewritten: bad.Note,
	}, m.copies())
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := bad.Load(db); err != nil {
		return nil, nil, nil, err
	}
	idx, err := index.Open(db)
	return db, idx, bad, err
}

// work is what the engine does once the machine is known: its disks have been looked at, or took too long.
func work(ctx context.Context, o options, m *machine, system *systemapi.Client, well *pulse, log *slog.Logger, stdout io.Writer) (err error) {
	volumes := m.volumes()
	ctx, again := context.WithCancelCause(ctx)
	defer func() {
		err = errors.Join(err, startsAgain(ctx))
		again(nil)
	}()
	db, idx, bad, err := openDatabase(o, m, func() { again(errAdopted) }, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	var starting atomic.Bool
	starting.Store(!o.recorded().there())
	var cameras *camera.Set
	arch, err := archive.New(archive.Config{
		Index: idx, DB: db, App: "Vigie " + version.Version, Log: log,
		Appliance:  m.hostname,
		CameraName: func(id string) string { return cameras.Name(id) },
		Clock:      m.clock,
		Targets:    func(id string) (retention.Targets, bool) { return targets(cameras, id) },
		Pinned:     func(id string) string { return cameras.Pinned(id) },
		SystemDisk: m.systemDisk,
	})
	if err != nil {
		return err
	}
	archiveCtx, stopArchive := context.WithCancel(context.WithoutCancel(ctx))
	var archiving, looking errgroup.Group
	archiving.Go(func() error { return arch.Run(archiveCtx) })
	defer func() {
		stopArchive()
		err = errors.Join(err, archiving.Wait(), looking.Wait())
	}()

	calendars, err := calendar.Open(db, log)
	if err != nil {
		return err
	}
	triggers, err := trigger.Open(db)
	if err != nil {
		return err
	}
	cameras = camera.NewSet(camera.Config{
		Store: camera.NewStore(db), Calendars: calendars, Triggers: triggers, Archive: recordings{arch}, Second: duplicates{arch}, Log: log, Written: well.written,
		Ring: ringConfig(m.memoryBytes()), PrebufferBytes: m.memoryBytes() / 4,
		Before: before(idx, m, &starting, log), Oldest: oldest(arch), KnowsVolume: arch.Knows,
	})
	calendars.SetZone(m.timeZone())
	arch.SetVolumes(volumes)
	repaired, cancel := context.WithTimeout(ctx, repairWithin)
	if err := arch.Recovered(repaired); err != nil && ctx.Err() == nil {
		log.Warn("recordings are still being repaired; the cameras start meanwhile")
	}
	cancel()
	if err := resume(idx); err != nil {
		log.Error("outages of the time before cannot be told to their end", "err", err)
	}
	if !m.networked(ctx, networkWithin) && ctx.Err() == nil {
		log.Warn("the machine has no address yet; the cameras start all the same")
	}
	if err := o.recorded().set(); err != nil {
		log.Warn("it cannot be marked that an engine records", "err", err)
	}
	if err := cameras.Start(); err != nil {
		return err
	}
	starting.Store(false)
	defer cameras.Stop(drainWithin)
	recording := func() (bool, error) { return cameras.Recording(), db.View(func(*mirror.Tx) error { return nil }) }
	well.recording.Store(&recording)
	defer well.recording.Store(nil) // what it asks is about to be closed

	past := history.New(db, log)
	looking.Go(func() error { past.Run(archiveCtx, cameras.Samples); return nil })

	decoders := transcode.New(transcode.Config{
		Streams: cameras, Program: o.decoder, Confine: []string{"/proc/self/exe", "decode"}, Most: max(1, runtime.NumCPU()), Log: log,
	})
	defer decoders.Close()
	viewers := live.New(cameras, decoders, rtc.New(rtc.Config{PortMin: rtcPortMin, PortMax: rtcPortMax}), log)
	defer viewers.Close()
	player := playback.New(footage{arch}, pictures{decoders}, log)
	book, err := account.Open(db)
	if err != nil {
		return err
	}
	relaying := relay.New(relay.Config{Cameras: cameras, Archive: strips{arch}, Book: book, Log: log})
	exports, err := export.Open(export.Config{
		DB: db, Keys: export.NewKeys(db, func() bool { return durable(db) }), Archive: exported{arch}, Software: "Vigie " + version.Version, Log: log,
		Appliance: m.hostname, Zone: m.timeZone, CameraName: cameraName(cameras, arch), Media: removable{m, system},
	})
	if err != nil {
		return err
	}
	repairer := repair.New(repair.Config{DB: db, Index: idx, Archive: arch, VolumeName: m.volumeName, Log: log})
	handler := httpapi.New(httpapi.Parts{
		Cameras: cameras, Calendars: cameras, Triggers: cameras, Archive: arch, Ledger: ledger{arch, idx, cameras, m.zone},
		History:   past.Query,
		Past:      func() ([]api.PastCamera, error) { return arch.Past(cameras.Has) },
		Recording: recordingStatus(arch, db, bad, cameras, m),
		Usage:     func() ([]api.CameraUsage, error) { return arch.Usage(cameras.Names()) },
		Live:      viewers.ServeHTTP, Media: player.ServeHTTP, Keyframe: player.ServeKeyframe,
		Relay: relaying, RelayBook: checkedRelay{book, system.AnnounceRelay},
		Exports: exports, Repair: repairer,
	})
	moving := &transfer{db: db, book: book, knows: arch.Knows, restart: func() { again(errImported) }}
	say(stdout, cameras, arch)

	var following errgroup.Group
	followCtx, stopFollowing := context.WithCancel(ctx)
	defer func() {
		stopFollowing()
		err = errors.Join(err, following.Wait())
	}()
	following.Go(func() error { follow(followCtx, m, db, arch, cameras.MovePins); return nil })
	following.Go(func() error { relaying.Run(followCtx); return nil })
	following.Go(func() error { announce(followCtx, book.Settings, system.AnnounceRelay, log); return nil })
	following.Go(func() error { tellLag(followCtx, m.get, arch.Behind, system.TellRecordingLag); return nil })
	following.Go(func() error { exports.Run(followCtx); return nil })
	following.Go(func() error { keepLedger(followCtx, cameras, idx, log); return nil })
	following.Go(func() error { repairer.Run(followCtx); return nil })
	following.Go(func() error { bad.Keep(followCtx, db, log); return nil })
	following.Go(func() error { verifyIndex(followCtx, idx, log); return nil })
	following.Go(func() error { followZone(followCtx, m, calendars); return nil })
	following.Go(func() error {
		if err := clockSteps(followCtx, calendars.Stepped); err != nil {
			log.Error("a clock that is set will not be noticed", "err", err)
		}
		return nil
	})
	return serve(ctx, o.socket, moving.handler(handler), viewers.Close)
}

// verifyIndex looks through the index while everything else runs: what it says must be its rows.
func verifyIndex(ctx context.Context, idx *index.Index, log *slog.Logger) {
	mended, err := idx.Verify(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Error("the index cannot be verified", "err", err)
	case mended > 0:
		log.Warn("the index had rows or totals that were wrong", "groups", mended)
	}
}

// ringConfig shares out the machine's memory: what a stalled disk makes the rings grow by must leave the rest of the
// machine alive, with a quarter of all memory for 128 streams. Another quarter is for what is kept from before alarms.
// Elsewhere a GOP need not stay once the next has begun: recorders and viewers keep what they have not read yet by their
// own readers, and new viewers begin with the newest keyframe.
func ringConfig(memoryBytes int64) ring.Config {
	budget := min(max(memoryBytes/4/128, 8<<20), 64<<20)
	return ring.Config{MaxBytes: budget / 2, MaxAge: 100 * time.Millisecond, BudgetBytes: budget}
}
