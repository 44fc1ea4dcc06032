package archive

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigie/services/engine/internal/index"
)

// Look is what going through a volume's files has found, or has found by now.
type Look struct {
	ID, Name    string
	Skipped     string // why it was not, or not wholly, gone through; a sentence
	Names       bool   // only names are read by now
	Total, Done int64  // cameras while names are read, then files
	Files       int64  // looked into, or by their names
	Added       int64  // of them not in the index before
	Lost        int64  // in the index, and not there
	Strange     int64  // not in the index, and no recordings, or damaged
	Example     string // of a strange one: its path, and why
}

// lookAgain brings the index in step with all files of the volume, as when it comes with the index lost, without anything
// leaving the timeline that is there: each row is doubted, then looked into.
func (v *volume) lookAgain() {
	v.toCheck = nil
	indexed, err := v.arch.idx.Cameras()
	for i := 0; err == nil && i < len(indexed) && v.ctx.Err() == nil; i++ {
		err = v.arch.idx.Doubt(indexed[i], v.id)
	}
	if err != nil {
		v.arch.log.Error("cannot read the index", "volume", v.id, "err", err)
	}
	v.reconcile()
}

// LookAgain has all files of the present volumes looked into, and returns once that is done. tell is told of its progress
// about once a second.
func (a *Archive) LookAgain(ctx context.Context, tell func([]Look)) ([]Look, error) {
	list := a.inOrder()
	before := make([]int, len(list))
	for i, v := range list {
		v.mu.Lock()
		before[i] = v.rebuild.runs
		v.mu.Unlock()
		select {
		case v.again <- struct{}{}:
		default: // asked for already
		}
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		out, over := make([]Look, len(list)), true
		for i, v := range list {
			look, done := v.look(before[i])
			out[i], over = look, over && done
		}
		if over {
			return out, nil
		}
		tell(out)
		select {
		case <-t.C:
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

// look is how far a volume has come that had been gone through some times before.
func (v *volume) look(before int) (l Look, over bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.rebuild
	l = Look{ID: v.id, Name: v.name}
	if v.ctx.Err() != nil {
		l.Skipped = "It was disconnected meanwhile."
		return l, true
	}
	if v.status == Degraded {
		l.Skipped = v.reason
		return l, true
	}
	if r.runs == before {
		return l, false
	}
	if r.failed {
		l.Skipped = "Its folder of recordings cannot be read."
		return l, true
	}
	l.Names, l.Total, l.Done = r.phase == byNames, r.found, r.checked
	if l.Names {
		l.Total, l.Done = int64(r.cameras), int64(r.done)
	}
	l.Files, l.Added, l.Lost, l.Strange, l.Example = r.checked, max(0, r.added-r.dropped), r.lost, r.strange, r.example
	return l, r.phase == ""
}

// inOrder returns the present volumes in order of name.
func (a *Archive) inOrder() []*volume {
	list := a.present()
	slices.SortFunc(list, func(x, y *volume) int { return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.id, y.id)) })
	return list
}

// Compare compares the index with the names of all files, and changes nothing. It rests as long as it works.
func (a *Archive) Compare(ctx context.Context, tell func([]Look)) ([]Look, error) {
	var out []Look
	for _, v := range a.inOrder() {
		v.mu.Lock()
		out = append(out, Look{ID: v.id, Name: v.name, Names: true})
		v.mu.Unlock()
		l := &out[len(out)-1]
		cameras, ok := v.cameras()
		indexed, err := a.idx.Cameras()
		if err != nil {
			return out, err
		}
		if !ok {
			l.Skipped = "Its folder of recordings cannot be read."
			continue
		}
		cameras = append(cameras, indexed...)
		slices.Sort(cameras)
		cameras = slices.Compact(cameras)
		l.Total = int64(len(cameras))
		for _, camera := range cameras {
			if err := ctx.Err(); err != nil {
				return out, err
			}
			began := time.Now()
			if err := v.compare(camera, l); err != nil {
				return out, err
			}
			l.Done++
			tell(out)
			v.rest(time.Since(began))
		}
		if v.ctx.Err() != nil {
			l.Skipped = "It was disconnected meanwhile."
		}
	}
	return out, nil
}

// compare compares a camera's rows and files.
func (v *volume) compare(camera string, l *Look) error {
	list, err := v.arch.idx.Segments(camera, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	rows := map[index.Key]index.Segment{}
	for _, s := range list {
		if s.Volume == v.id {
			rows[s.Key] = s
		}
	}
	strange := func(path, why string) {
		l.Strange++
		if l.Example == "" {
			rel, _ := filepath.Rel(v.path, path) // both are absolute
			l.Example = rel + ": " + why
		}
	}
	var unknown []found
	complete := v.visit(camera, func(f found) {
		l.Files++
		_, known := rows[f.Key]
		delete(rows, f.Key)
		if !known && !(f.open && v.writing(f.path)) {
			unknown = append(unknown, f)
		}
	}, strange)
	for _, f := range unknown {
		if _, known, err := v.arch.idx.Get(f.Key); err == nil && known {
			continue // it was closed meanwhile, or is double
		}
		why := ""
		if seg, ok := v.byName(f); ok && !f.open {
			why, _ = v.byHeader(f.path, seg) // what cannot be read may still be a recording
		}
		if why != "" {
			strange(f.path, why)
		} else {
			l.Added++
		}
	}
	if !complete {
		l.Skipped = "Some of its folders cannot be read."
		return nil
	}
	for k, s := range rows { // it may have been deleted meanwhile
		err := v.disk(func() error {
			_, err := v.fs.Lstat(filepath.Join(v.path, relPath(s)))
			return err
		})
		if now, found, ierr := v.arch.idx.Get(k); errors.Is(err, fs.ErrNotExist) && ierr == nil && found && now == s {
			l.Lost++
		}
	}
	return nil
}
