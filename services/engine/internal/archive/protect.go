package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/internal/atomicfile"
	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/protection"
	"vigie/services/engine/internal/retention"
)

// protectionsFile is beside the recordings on each volume; see package protection.
const protectionsFile = recDir + "/protections.json"

// Protect keeps a range of a camera's recordings from automatic deletion. It returns once that is on a disk. A
// *protection.Problem says what is wrong with the request.
func (a *Archive) Protect(r api.ProtectionRequest, by string) (api.Protection, error) {
	now := time.Now()
	_, setUp := a.cfg.Targets(r.Camera)
	// What is being written is looked at first: a segment that closes meanwhile is then in the index.
	coming := setUp && r.ToMs > now.UnixMilli() || slices.ContainsFunc(a.open(r.Camera), func(s index.Segment) bool {
		return retention.Span{FromMs: r.FromMs, ToMs: r.ToMs}.Overlaps(s.StartMs, s.EndMs)
	})
	row, err := a.protections.Add(protection.Row{Camera: r.Camera, FromMs: r.FromMs, ToMs: r.ToMs, Reason: r.Reason, UntilMs: r.UntilMs, By: by}, now,
		func(tx *mirror.Tx) (int, error) {
			present, deleting, err := index.In(tx, r.Camera, r.FromMs, r.ToMs)
			if err == nil && !present && !coming {
				err = &protection.Problem{Field: "fromMs", Code: "nothing_there", Message: "There are no recordings of this camera in that range."}
			}
			return deleting, err
		})
	if err != nil {
		return api.Protection{}, err
	}
	a.log.Info("recordings are protected", "camera", row.Camera, "protection", row.ID, "from_ms", row.FromMs, "to_ms", row.ToMs, "by", by)
	a.rouse()
	return a.describe(row)
}

// Reprotect gives a protection another reason and end. A *protection.Problem says what is wrong with the request;
// protection.ErrUnknown tells that there is none of that id.
func (a *Archive) Reprotect(id string, r api.ProtectionChange, by string) (api.Protection, error) {
	row, err := a.protections.Change(id, r.Reason, r.UntilMs, by, time.Now())
	if err != nil {
		return api.Protection{}, err
	}
	a.log.Info("protection is changed", "camera", row.Camera, "protection", row.ID, "until_ms", row.UntilMs, "by", by)
	a.rouse()
	return a.describe(row)
}

// Lift ends a protection; protection.ErrUnknown tells that there is none of that id.
func (a *Archive) Lift(id, by string) error {
	row, err := a.protections.Lift(id, by, time.Now())
	if err != nil {
		return err
	}
	a.log.Info("protection is lifted", "camera", row.Camera, "protection", row.ID, "by", by)
	a.rouse()
	return nil
}

// Protections lists those of a camera ("": of all), in order of their ranges.
func (a *Archive) Protections(camera string) ([]api.Protection, error) {
	out := []api.Protection{}
	for _, row := range a.protections.List(camera, time.Now()) {
		p, err := a.describe(row)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// describe is a protection as the API shows it.
func (a *Archive) describe(row protection.Row) (api.Protection, error) {
	p := shown(row)
	err := a.within(row.Camera, []retention.Span{{FromMs: row.FromMs, ToMs: row.ToMs}}, a.idx.Lines(), func(_ index.Line, _, bytes int64) { p.Bytes += bytes })
	return p, err
}

// shown is a protection without what it takes.
func shown(row protection.Row) api.Protection {
	p := api.Protection{ID: row.ID, Camera: row.Camera, FromMs: row.FromMs, ToMs: row.ToMs, Reason: row.Reason, By: row.By, CreatedMs: row.CreatedMs,
		UntilMs: row.UntilMs, ChangedMs: row.ChangedMs, ChangedBy: row.ChangedBy}
	switch {
	case row.Lost == 1:
		p.Notice = "One recording in the range was being deleted when it was protected, and is lost."
	case row.Lost > 1:
		p.Notice = fmt.Sprintf("%d recordings in the range were being deleted when it was protected, and are lost.", row.Lost)
	}
	return p
}

// rouse has all keepers look now.
func (a *Archive) rouse() {
	for _, v := range a.present() {
		v.rouse()
	}
}

// protectedSpans returns each camera's protected ranges, in order and merged.
func (a *Archive) protectedSpans() map[string][]retention.Span {
	out := map[string][]retention.Span{}
	for _, row := range a.protections.List("", time.UnixMilli(a.lapseMs())) {
		list := out[row.Camera]
		if n := len(list); n > 0 && row.FromMs <= list[n-1].ToMs {
			list[n-1].ToMs = max(list[n-1].ToMs, row.ToMs)
			continue
		}
		out[row.Camera] = append(list, retention.Span{FromMs: row.FromMs, ToMs: row.ToMs})
	}
	return out
}

// within sums up the closed segments of a camera that overlap spans, each once, by line and day of their start. It reads
// rows only for days that a span covers in part.
func (a *Archive) within(camera string, spans []retention.Span, lines map[index.Line]index.Tally, add func(l index.Line, day, bytes int64)) error {
	before := int64(-1) // end of the span before: what began by then has been counted
	some := func(from, to, startFrom, startTo int64) error {
		list, err := a.idx.Segments(camera, from, to)
		for _, s := range list {
			if s.StartMs >= max(before, startFrom) && s.StartMs < startTo {
				add(index.Line{Volume: s.Volume, Camera: camera, Kind: s.Kind}, s.StartMs/index.DayMs, s.SizeBytes)
			}
		}
		return err
	}
	for _, span := range spans {
		first, last := (span.FromMs+index.DayMs-1)/index.DayMs, span.ToMs/index.DayMs
		if first >= last {
			if err := some(span.FromMs, span.ToMs, 0, span.ToMs); err != nil {
				return err
			}
			before = span.ToMs
			continue
		}
		if err := some(span.FromMs, max(first*index.DayMs, span.FromMs+1), 0, first*index.DayMs); err != nil {
			return err
		}
		for l, t := range lines {
			if l.Camera != camera {
				continue
			}
			i, _ := slices.BinarySearchFunc(t.Days, first, func(d index.DayBytes, day int64) int { return cmp.Compare(d.Day, day) })
			for ; i < len(t.Days) && t.Days[i].Day < last; i++ {
				add(l, t.Days[i].Day, t.Days[i].Bytes)
			}
		}
		if err := some(last*index.DayMs, span.ToMs, last*index.DayMs, span.ToMs); err != nil {
			return err
		}
		before = span.ToMs
	}
	return nil
}

// adoptProtections takes up what the volume's file says, for the case that the database was lost.
func (v *volume) adoptProtections() {
	if v.foreign {
		return // its machine's promises are not this one's
	}
	log := v.arch.log.With("volume", v.id)
	path := filepath.Join(v.path, protectionsFile)
	var content []byte
	err := v.disk(func() error {
		f, err := filesys.Open(v.fs, path)
		if err != nil {
			return err
		}
		defer f.Close()
		content, err = io.ReadAll(io.LimitReader(f, protection.MaxFile+1))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var rows []protection.Row
	if err == nil {
		rows, err = protection.Parse(content)
	}
	if err != nil {
		log.Error("file of protections cannot be read", "err", err)
		if content != nil && !v.isReadOnly() { // somebody may still make something of it
			if err := v.disk(func() error { return v.rename(path, path+".damaged") }); err != nil {
				v.ioError(err)
			}
		}
		return
	}
	n, err := v.arch.protections.Adopt(rows, time.Now())
	switch {
	case err != nil:
		log.Error("protections of the volume cannot be taken up", "err", err)
	case n > 0:
		log.Warn("protections are taken up that only the volume knew", "protections", n)
	}
}

// storeProtections brings the volume's file up to date.
func (v *volume) storeProtections() {
	v.mu.Lock()
	well := v.takesWrites()
	v.mu.Unlock()
	if !well || v.protFile == v.arch.protections.Revision() || time.Now().Before(v.protRetry) {
		return
	}
	path := filepath.Join(v.path, protectionsFile)
	content, revision, err := v.arch.protections.Marshal()
	if err == nil {
		err = v.disk(func() error {
			if err := v.here(); err != nil {
				return err
			}
			old, err := filesys.ReadFile(v.fs, path)
			if err == nil && string(old) == string(content) || errors.Is(err, fs.ErrNotExist) && len(v.arch.protections.List("", time.UnixMilli(0))) == 0 {
				return nil
			}
			return atomicfile.WriteOn(v.fs, path, content, 0o640)
		})
	}
	if err != nil {
		v.arch.log.Error("protections cannot be written beside the recordings", "volume", v.id, "err", err)
		v.protRetry = time.Now().Add(rarely * v.arch.cfg.KeepEvery)
		return
	}
	v.protFile = revision
}

// rename moves a file within its folder, durably.
func (v *volume) rename(from, to string) error {
	if err := v.fs.Rename(from, to); err != nil {
		return err
	}
	return filesys.SyncDir(v.fs, filepath.Dir(to))
}
