package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/manifest"
)

// Media is where the removable disks are that exports can go to.
type Media interface {
	// List returns those that are plugged in, and a channel that is closed when that may have changed.
	List() ([]api.Medium, <-chan struct{})
	// Mount makes one ready; its path is in the list then. What it refuses is a sentence for people.
	Mount(ctx context.Context, id string) error
}

// carriage is how far an export has come on a medium. It goes on from there, on the same medium only.
type carriage struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Folder string `json:"folder,omitempty"` // of the export, in that for all exports; "": not begun
	// Whole are the digests of the files that are whole on the medium, in the plan's order, and Synced is how much of the
	// next is on it for certain.
	Whole  []wholeFile `json:"whole,omitempty"`
	Synced int64       `json:"synced,omitempty"`
}

// wholeFile is what a file adds up to, and its manifest.
type wholeFile struct {
	Sum    manifest.Digest `json:"sum"`
	Beside manifest.Digest `json:"beside"`
}

// obstacle is why an export to a medium does not go on, for people; it does when the obstacle is gone.
type obstacle struct {
	text  string
	cause error // for the log
}

func (o *obstacle) Error() string { return o.text }

// tryAgain is how soon an obstacle that nobody tells of is looked at again.
const tryAgain = 15 * time.Second

// acquaintWithin is how long a disk may be unknown here that somebody else has been told of already.
const acquaintWithin = 2 * time.Second

// acquaint waits until a medium is known. Who asks for an export may have heard of it a moment before this service did.
func (x *Exports) acquaint(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, acquaintWithin)
	defer cancel()
	for {
		list, changed := x.cfg.Media.List()
		if slices.ContainsFunc(list, func(m api.Medium) bool { return m.ID == id }) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// carry writes exports to media until ctx ends, one after another.
func (x *Exports) carry(ctx context.Context) {
	again := time.NewTicker(tryAgain)
	defer again.Stop()
	for {
		_, changed := x.cfg.Media.List()
		for _, j := range x.uncarried() {
			if ctx.Err() != nil {
				return
			}
			x.carryOne(ctx, j)
		}
		select {
		case <-changed:
		case <-x.carriers:
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// uncarried are the exports that are to be on a medium and are not yet, the oldest first.
func (x *Exports) uncarried() (out []*job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	created := map[*job]int64{}
	for _, j := range x.jobs {
		j.mu.Lock()
		if created[j] = j.row.CreatedMs; j.row.Medium != nil && j.row.DoneMs == 0 && j.failure == "" && j.ctx.Err() == nil {
			out = append(out, j)
		}
		j.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b *job) int { return cmp.Compare(created[a], created[b]) })
	return out
}

// carryOne goes on with an export, as far as it gets.
func (x *Exports) carryOne(ctx context.Context, j *job) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()
	select {
	case <-j.prepared:
	default:
		return // x.carriers tells when it is
	}
	err := x.carried(ctx, j)
	if ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	id, was := j.row.ID, j.waiting
	switch o := new(obstacle); {
	case err == nil:
		j.waiting = ""
		x.cfg.Log.Info("export is on its medium", "export", id, "medium", j.row.Medium.Name)
	case errors.As(err, &o):
		if j.waiting = o.text; was != o.text {
			x.cfg.Log.Warn("export waits for its medium", "export", id, "err", errors.Join(o, o.cause))
		}
	default:
		j.failure = sentence(err)
		x.cfg.Log.Error("export to a medium failed", "export", id, "err", err)
	}
}

// reach returns the folder for exports of a medium, mounting it if need be.
func (x *Exports) reach(ctx context.Context, c *carriage) (string, error) {
	mounted := false
	for deadline := time.Now().Add(tryAgain); ; {
		list, changed := x.cfg.Media.List()
		i := slices.IndexFunc(list, func(m api.Medium) bool { return m.ID == c.ID })
		switch {
		case i < 0:
			return "", &obstacle{text: fmt.Sprintf("Connect the USB disk %s to go on.", c.Name)}
		case list[i].Status == api.MediumStatusMounted && list[i].Path != "":
			return list[i].Path, nil
		case list[i].Status == api.MediumStatusEjected:
			return "", &obstacle{text: fmt.Sprintf("The USB disk %s was ejected. Pull it and plug it in again to go on.", c.Name)}
		case !mounted:
			if err := x.cfg.Media.Mount(ctx, c.ID); err != nil {
				return "", &obstacle{text: err.Error()}
			}
			mounted = true
			continue
		case time.Now().After(deadline):
			return "", &obstacle{text: fmt.Sprintf("The USB disk %s does not answer.", c.Name)}
		}
		t := time.NewTimer(time.Second)
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
		}
		if t.Stop(); ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
}
