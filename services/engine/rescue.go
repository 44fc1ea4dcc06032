package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"vigie/internal/mirror"
	"vigie/internal/version"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/httpapi"
	"vigie/services/engine/internal/repair"
	"vigie/services/system/systemapi"
)

// mend is what the engine does in rescue mode, once somebody wants it: it has database and archive as at other times, and repairs
// them when it is asked to. No camera is fetched; nothing is recorded, and nothing deleted, however old or full a volume is.
func mend(ctx context.Context, o options, m *machine, _ *systemapi.Client, well *pulse, log *slog.Logger, _ io.Writer) (err error) {
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
	store := camera.NewStore(db)
	arch, err := archive.New(archive.Config{
		Index: idx, DB: db, App: "Vigie " + version.Version, Log: log, KeepAll: true,
		Appliance: m.hostname,
		CameraName: func(id string) string {
			row, err := store.Get(id)
			if err != nil {
				return id
			}
			return row.Name
		},
		Clock: m.clock, SystemDisk: m.systemDisk,
	})
	if err != nil {
		return err
	}
	// The archive ends last: what is being looked into is put into its index.
	archiveCtx, stopArchive := context.WithCancel(context.WithoutCancel(ctx))
	var archiving, following errgroup.Group
	archiving.Go(func() error { return arch.Run(archiveCtx) })
	defer func() {
		stopArchive()
		err = errors.Join(err, archiving.Wait())
	}()
	arch.SetVolumes(volumes)
	if err := arch.Recovered(ctx); err != nil {
		return nil
	}
	recording := func() (bool, error) { return false, db.View(func(*mirror.Tx) error { return nil }) }
	well.recording.Store(&recording)
	defer well.recording.Store(nil) // what it asks is about to be closed

	repairer := repair.New(repair.Config{DB: db, Index: idx, Archive: arch, VolumeName: m.volumeName, Log: log})
	followCtx, stopFollowing := context.WithCancel(ctx)
	defer func() {
		stopFollowing()
		err = errors.Join(err, following.Wait())
	}()
	following.Go(func() error { follow(followCtx, m, db, arch, func(string, string) {}); return nil }) // pins move when cameras run again
	following.Go(func() error { repairer.Run(followCtx); return nil })
	following.Go(func() error { bad.Keep(followCtx, db, log); return nil })
	return serve(ctx, o.socket, httpapi.Mending(repairer), func() {})
}
