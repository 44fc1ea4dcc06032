package system

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"vigie/internal/api"
	"vigie/internal/bootopt"
	"vigie/internal/health"
	"vigie/internal/initctl"
	"vigie/internal/version"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/facts"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/supervisor"
)

// Run is "vigie system": it serves until ctx is cancelled. Standard output gets the installer's lines, standard error
// the log.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	l, err := listen(o.socket)
	if err != nil {
		return err
	}
	defer os.Remove(o.socket)

	boot := bootopt.Options{}
	if !o.observe { // a developer's host was not booted with our options
		boot, err = bootopt.Read(os.DirFS("/"))
		if err != nil {
			log.Warn("boot options", "err", err)
		}
	}
	_ = boot
	b := board.New(time.Now(), firstStatus(o, log))
	var control supervisor.Init
	if o.init != "" && !o.observe {
		control = initctl.Client{Socket: o.init}
	}
	m := &machine{Link: supervisor.New(control, b.SetServices, log)}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, l, httpapi.New(b, m, time.Now, ctx.Done())) })
	g.Go(func() error { return m.Link.Run(ctx) })
	g.Go(func() error {
		return health.Serve(ctx, func() (uint64, error) { return 0, nil })
	})
	return g.Wait()
}

// firstStatus is what is known before anything was looked at.
func firstStatus(o options, log *slog.Logger) api.Status {
	s := api.Status{
		Version:  version.Version,
		Kernel:   facts.Kernel(),
		BootMode: api.StatusBootModeLive,
		Firmware: facts.Firmware("/"),
	}
	if o.observe {
		s.BootMode = api.StatusBootModeObserve
	}
	s.Hostname, _ = os.Hostname()
	if started, err := facts.Started(time.Now()); err == nil {
		s.StartedMs = started.UnixMilli()
	}
	m, err := facts.ReadManifest("/")
	switch {
	case err == nil:
		s.Packages = m.Packages
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("image manifest", "err", err)
	}
	return s
}
