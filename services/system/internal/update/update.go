package update

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/internal/answer"
	"vigie/internal/api"
)

// Config is what an Updater is made with.
type Config struct {
	// Slot is the slot that runs, and System the disk that it is on; empty: the machine was not started from one.
	Slot, System string
	// Version and Built are the running system's own word, for where its slot cannot be read.
	Version string
	Built   time.Time
	// Booting: what volumes keep from before a trial is put back. Later it is no return that brings a volume.
	Booting bool
	// File is the record's running copy; it lives as long as the machine runs.
	File string

	Trusted func() ([]ed25519.PublicKey, error)
	// Open opens the disk that the machine was started from.
	Open func(ctx context.Context) (*installer.Disk, io.Closer, error)
	// Medium mounts a USB disk, and returns the folder where its files are.
	Medium func(ctx context.Context, id string) (string, error)
	// Look is how the machine is.
	Look func(ctx context.Context) Seen
	// Restart begins the restart of the machine.
	Restart func(ctx context.Context) error
	// Uptime is how long ago the machine started.
	Uptime func() (time.Duration, error)
	Now    func() time.Time
	// Say puts a line on the console.
	Say func(format string, args ...any)
	Log *slog.Logger
}

// Updater updates one machine.
type Updater struct {
	cfg  Config
	busy chan struct{} // holds one while the slots, or their states, are worked on
	jobs chan func(context.Context)

	mu      sync.Mutex // never held across I/O
	record  record
	volumes map[string]string // path by id
	settled bool              // every disk there at boot has been looked at
	found   bool              // the disk was read
	slots   loader.Slots
	images  map[string]systemimage.Manifest // by slot
	offers  []*offer                        // oldest first
	writing api.UpdateWriting
	problem string    // of the trial that is on
	ends    time.Time // when it does; zero: no trial of the running slot is on
}

// New returns an updater; nothing is touched until Run, but by Attach.
func New(cfg Config) *Updater {
	u := &Updater{cfg: cfg, busy: make(chan struct{}, 1), jobs: make(chan func(context.Context)), volumes: map[string]string{}}
	u.record.System = cfg.System
	return u
}

func refuse(code, message string) error { return answer.Refuse(http.StatusConflict, code, message) }

// able says why nothing can be updated, if it cannot.
func (u *Updater) able() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.cfg.Slot == "":
		return refuse("not_installed", "This machine was not started from a disk that Vigie is installed on. Install it first, or start it from a newer medium.")
	case !u.found:
		return refuse("no_disk", "The disk that this machine was started from is not there, or cannot be read.")
	}
	return nil
}

// running is what runs; u.mu is held.
func (u *Updater) running() systemimage.Manifest {
	if m, ok := u.images[u.cfg.Slot]; ok {
		return m
	}
	return systemimage.Manifest{Version: u.cfg.Version, BuiltS: u.cfg.Built.Unix()}
}

func relation(a, to systemimage.Manifest) string {
	return map[int]string{-1: "older", 0: "same", 1: "newer"}[cmp.Compare(a.BuiltS, to.BuiltS)]
}

// State is what is known.
func (u *Updater) State() api.Update {
	out := api.Update{Possible: true, Slots: []api.UpdateSlot{}, History: []api.UpdateOutcome{}}
	var problem *answer.Problem
	if errors.As(u.able(), &problem) {
		out.Possible, out.Reason = false, problem.Detail.Message
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.found {
		for _, slot := range []string{u.cfg.Slot, loader.Other(u.cfg.Slot)} {
			s := api.UpdateSlot{ID: api.UpdateSlotID(slot), Running: slot == u.cfg.Slot, State: api.UpdateSlotState(cmp.Or(u.slots.Of(slot), "unknown"))}
			if m, ok := u.images[slot]; ok {
				s.Version, s.BuiltMs, s.Kernel, s.Notes = m.Version, m.Built().UnixMilli(), m.Kernel, m.Notes
				s.Relation = api.UpdateSlotRelation(relation(m, u.running()))
			}
			out.Slots = append(out.Slots, s)
		}
	}
	out.Writing = u.writing
	if p := u.record.Plan; p != nil {
		out.Planned = api.UpdatePlan{Version: p.To, AtMs: p.AtMs, By: p.By}
	}
	if !u.ends.IsZero() {
		from := ""
		if u.record.Trial != nil {
			from = u.record.Trial.From
		} else if m, ok := u.images[loader.Other(u.cfg.Slot)]; ok {
			from = m.Version
		}
		out.Trial = api.UpdateTrial{Version: u.running().Version, From: from, EndsMs: u.ends.UnixMilli(), Problem: u.problem}
	}
	for _, o := range u.record.History {
		out.History = append(out.History, api.UpdateOutcome{
			AtMs: o.AtMs, From: o.From, To: o.To, Result: api.UpdateOutcomeResult(o.Result), Reason: o.Reason, By: o.By, TookMs: o.TookMs,
		})
	}
	return out
}

// begin takes the slots for one piece of work; the caller ends it.
func (u *Updater) begin() (end func(), err error) {
	if err := u.able(); err != nil {
		return nil, err
	}
	select {
	case u.busy <- struct{}{}:
		return func() { <-u.busy }, nil
	default:
		return nil, refuse("busy", "An update is being written, or the machine is about to restart. Wait until that is done.")
	}
}

// open opens the disk, and reads the slots anew.
func (u *Updater) open(ctx context.Context) (*installer.Disk, io.Closer, error) {
	d, closer, err := u.cfg.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := u.read(d); err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return d, closer, nil
}

// read reads the slots and their states. Where both blocks of these are lost, what runs is known to work, and of the other slot
// nothing is known.
func (u *Updater) read(d *installer.Disk) error {
	trusted, err := u.cfg.Trusted()
	if err != nil {
		return err
	}
	slots, err := d.Slots()
	if err != nil {
		u.cfg.Log.Warn("the states of the slots are lost; they are made anew", "err", err)
		slots = loader.Slots{Generation: uint64(max(u.cfg.Now().Unix(), 1)), System: d.System(), First: u.cfg.Slot, A: loader.Empty, B: loader.Empty}.Worked(u.cfg.Slot)
		if err := d.SetSlots(slots); err != nil {
			return err
		}
	}
	images := map[string]systemimage.Manifest{}
	for _, slot := range []string{"a", "b"} {
		if image, err := d.Image(layout.Role(slot), trusted); err == nil {
			images[slot] = image.Manifest
		} else if !errors.Is(err, systemimage.ErrNotImage) {
			u.cfg.Log.Warn("slot", "slot", slot, "err", err)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.slots, u.images, u.found = slots, images, true
	return nil
}

// set writes the states of the slots.
func (u *Updater) set(d *installer.Disk, slots loader.Slots) error {
	if err := d.SetSlots(slots); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.slots = slots
	return nil
}

// unjudged refuses what must not be done before the running version has shown that it works.
func (u *Updater) unjudged() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.slots.Trial != 0 || u.slots.Of(u.cfg.Slot) != loader.Confirmed {
		return refuse("trial", "The version that runs has not shown yet that it works. Wait until it is confirmed: the other one is the way back.")
	}
	return nil
}

// Steady refuses while a version is on trial: a return would put the settings of before back.
func (u *Updater) Steady() error {
	if u.cfg.Slot == "" {
		return nil
	}
	return u.unjudged()
}

// told is a person's word on a piece of work that went wrong.
func told(err error, what string) error {
	var problem *answer.Problem
	switch {
	case errors.As(err, &problem):
		return err
	case errors.Is(err, installer.ErrReadBack):
		return refuse("bad_disk", "The disk does not give back what was written to it: it may be failing. The version that runs is not touched.")
	case errors.Is(err, systemimage.ErrDamaged), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse("damaged", "The file is damaged, or did not come whole: its content is not what was signed. Get it again, and send it again. The version that runs is not touched.")
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Attach takes up a volume that was mounted, before anything else reads it.
func (u *Updater) Attach(id, path string) {
	if u.cfg.Slot == "" {
		return
	}
	m, ok, err := kept(path)
	switch {
	case err != nil:
		u.cfg.Log.Warn("settings of before a trial", "volume", id, "err", err)
	case ok && u.cfg.Booting && m.System == u.cfg.System && m.Slot != u.cfg.Slot:
		if err := putBack(path); err != nil {
			u.cfg.Log.Error("settings of before the trial cannot be put back", "volume", id, "err", err)
		} else {
			u.cfg.Log.Info("settings of before the trial are put back", "volume", id, "slot", m.Slot)
		}
	}
	u.mu.Lock()
	u.volumes[id] = path
	u.mu.Unlock()
	u.takeUp(onVolume(path))
}

// Detach forgets a volume.
func (u *Updater) Detach(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.volumes, id)
}

// Settle says that every volume present at boot has been attached: what is remembered is known.
func (u *Updater) Settle() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.settled = true
}

func (u *Updater) isSettled() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.settled
}

// paths are the volumes'.
func (u *Updater) paths() map[string]string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.volumes)
}

// everywhere does something on each volume, side by side, and waits for patience: a dying disk's goes on by itself. It returns
// on how many it was done.
func (u *Updater) everywhere(what string, do func(path string) error) int {
	paths := u.paths()
	done := make(chan error, len(paths))
	for id, path := range paths {
		go func() {
			err := do(path)
			if err != nil {
				u.cfg.Log.Error(what, "volume", id, "err", err)
			}
			done <- err
		}()
	}
	late, n := time.After(patience), 0
	for range paths {
		select {
		case err := <-done:
			if err == nil {
				n++
			}
		case <-late:
			u.cfg.Log.Error(what, "err", "a disk takes too long")
			return n
		}
	}
	return n
}

// patience is for the copies on all volumes.
const patience = 10 * time.Second

// newest sorts offers by their builds.
func newest(a, b *offer) int { return cmp.Compare(b.image.BuiltS, a.image.BuiltS) }

// remember adds an offer, and forgets the oldest of too many; u.mu is held.
func (u *Updater) remember(o *offer) {
	const most = 16
	u.offers = append(u.offers, o)
	u.offers = slices.Clone(u.offers[max(0, len(u.offers)-most):])
}
