package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/internal/peer"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/export"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/playback"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/relay"
	"vigie/services/engine/internal/retention"
	"vigie/services/engine/internal/transcode"
	"vigie/services/system/systemapi"
)

// recordings is the archive as a recorder sees it.
type recordings struct{ *archive.Archive }

func (r recordings) Create(run *media.Run, kind index.Kind, startNs int64) (record.Segment, error) {
	s, err := r.Archive.Create(run, kind, startNs)
	if err != nil {
		return nil, err // not s: a nil *archive.Segment in an interface is not nil
	}
	return s, nil
}

// duplicates is the archive as the recorder of a duplicate sees it.
type duplicates struct{ *archive.Archive }

func (d duplicates) Create(run *media.Run, kind index.Kind, startNs int64) (record.Segment, error) {
	s, err := d.CreateDuplicate(run, kind, startNs)
	if err != nil {
		return nil, err // not s, as above
	}
	return s, nil
}

// targets is what the archive keeps of a camera.
func targets(cameras *camera.Set, id string) (retention.Targets, bool) {
	r, setUp := cameras.Retention(id)
	return retention.Targets(r), setUp
}

// pictures is the transcoder as playback sees it.
type pictures struct{ *transcode.Transcoder }

func (p pictures) Convert(ctx context.Context, run *media.Run) (playback.Conversion, error) {
	c, err := p.Transcoder.Convert(ctx, run)
	if err != nil {
		return nil, err // not c, as in Create
	}
	return c, nil
}

// footage is the archive as playback sees it.
type footage struct{ *archive.Archive }

// Footage costs a few rows, however long the gap before the next footage is.
func (f footage) Footage(camera, stream string, fromMs, toMs int64, limit int) ([]playback.Footage, error) {
	list, err := f.Next(camera, stream, fromMs, limit)
	if err != nil {
		return nil, err
	}
	out := make([]playback.Footage, 0, len(list))
	for _, s := range list {
		if s.StartMs < toMs {
			out = append(out, playbackFootage(s))
		}
	}
	return out, nil
}

func (f footage) Before(camera, stream string, atMs int64, limit int) ([]playback.Footage, error) {
	list, err := f.Previous(camera, stream, atMs, limit)
	if err != nil {
		return nil, err
	}
	out := make([]playback.Footage, 0, len(list))
	for _, s := range list {
		out = append(out, playbackFootage(s))
	}
	return out, nil
}

func playbackFootage(s archive.Entry) playback.Footage {
	return playback.Footage{ID: s.ID(), StartMs: s.StartMs, EndMs: s.EndMs}
}

func (f footage) Open(id string) (playback.File, error) {
	file, err := f.Archive.Open(id)
	if err != nil {
		return nil, err
	}
	return segmentFile{file}, nil
}

// segmentFile is an open segment as playback reads it.
type segmentFile struct{ *archive.Footage }

func (f segmentFile) ReadAt(b []byte, off int64) (int, error) { return f.File.ReadAt(b, off) }
func (f segmentFile) Close() error                            { return f.File.Close() }
func (f segmentFile) Size() int64                             { return f.Footage.Size }
func (f segmentFile) Growing() bool                           { return f.Footage.Open }

// exported is the archive as exports see it.
type exported struct{ *archive.Archive }

func (x exported) Footage(camera, stream string, fromMs, toMs int64) ([]export.Footage, error) {
	list, err := x.Segments(camera, fromMs, toMs)
	if err != nil {
		return nil, err
	}
	out := make([]export.Footage, 0, len(list))
	for _, s := range list {
		if s.Shows() == stream {
			out = append(out, export.Footage{ID: s.ID(), StartMs: s.StartMs, EndMs: s.EndMs})
		}
	}
	return out, nil
}

func (x exported) Open(id string) (export.Segment, error) {
	file, err := x.Archive.Open(id)
	if err != nil {
		return nil, err
	}
	return segmentFile{file}, nil
}

// removable are the disks that people plug in, as exports see them.
type removable struct {
	machine *machine
	system  *systemapi.Client
}

func (r removable) List() ([]api.Medium, <-chan struct{}) {
	s, changed := r.machine.get()
	return s.Media, changed
}

func (r removable) Mount(ctx context.Context, id string) error {
	return r.system.MountMedium(ctx, id)
}

// Nearest is the next segment, or else the last there is.
func (x exported) Nearest(camera, stream string, atMs int64) (fromMs, toMs int64, found bool, err error) {
	list, err := x.Next(camera, stream, atMs, 1)
	if err == nil && len(list) == 0 {
		var last int64
		if _, last, found, err = x.Bounds(camera); err == nil && found {
			list, err = x.Next(camera, stream, last-1, 1)
		}
	}
	if err != nil || len(list) == 0 {
		return 0, 0, false, err
	}
	return list[0].StartMs, list[0].EndMs, true, nil
}

// cameraName returns the name of a camera, of one too of which there is nothing left but recordings.
func cameraName(cameras *camera.Set, arch *archive.Archive) func(id string) string {
	return func(id string) string {
		if cameras.Has(id) {
			return cameras.Name(id)
		}
		past, err := arch.Past(func(other string) bool { return other != id })
		if err != nil || len(past) == 0 {
			return ""
		}
		return past[0].Name
	}
}

// strips is the archive as the relay sees it.
type strips struct{ *archive.Archive }

func (s strips) Next(camera, stream string, fromMs int64, limit int) ([]relay.Footage, error) {
	list, err := s.Archive.Next(camera, stream, fromMs, limit)
	return relayFootage(list), err
}

func (s strips) Previous(camera, stream string, atMs int64, limit int) ([]relay.Footage, error) {
	list, err := s.Archive.Previous(camera, stream, atMs, limit)
	return relayFootage(list), err
}

func relayFootage(list []archive.Entry) []relay.Footage {
	out := make([]relay.Footage, 0, len(list))
	for _, s := range list {
		out = append(out, relay.Footage{ID: s.ID(), StartMs: s.StartMs, EndMs: s.EndMs, Open: s.Open})
	}
	return out
}

func (s strips) Open(id string) (relay.File, error) {
	file, err := s.Archive.Open(id)
	if err != nil {
		return nil, err
	}
	return segmentFile{file}, nil
}

// recordingStatus is the answer to GET /recording: the archive's, with the database's copies.
func recordingStatus(arch *archive.Archive, db *mirror.DB, bad *mirror.Damages, cameras *camera.Set, m *machine) func() api.Recording {
	return func() api.Recording {
		r := arch.Recording()
		for _, v := range m.systemDisks() {
			fill, warning := arch.SystemDisk(v)
			r.SystemDisks = append(r.SystemDisks, fill)
			if warning != "" {
				r.Warnings = append(r.Warnings, warning)
			}
		}
		r.Warnings = append(r.Warnings, cameras.Warnings()...)
		var warnings []string
		r.IndexCopies, warnings = copies(bad.Copies(db), m.volumeName)
		r.Warnings = append(r.Warnings, warnings...)
		if db.Volatile() {
			r.Warnings = append(r.Warnings, "Cameras and index are kept in memory only, because no data volume takes them: they are lost when the machine is switched off.")
		}
		return r
	}
}

// say tells the installer what the engine starts with.
func say(stdout io.Writer, cameras *camera.Set, arch *archive.Archive) {
	list, err := cameras.List()
	if err != nil {
		return // the API says it
	}
	r := arch.Recording()
	fmt.Fprintf(stdout, "%d cameras, %d volumes, %d recordings\n", len(list), len(r.Volumes), r.TotalSegments)
}

// serve answers the API on a unix socket until ctx ends; then it lets running requests finish, but viewers go at once.
func serve(ctx context.Context, socket string, handler http.Handler, ending func()) error {
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove old socket: %w", err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		return err
	}
	srv := &http.Server{Handler: handler, ConnContext: peer.Remember, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve API: %w", err)
	case <-ctx.Done():
	}
	ending()
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(finish); err != nil {
		srv.Close()
	}
	<-failed
	return nil
}
