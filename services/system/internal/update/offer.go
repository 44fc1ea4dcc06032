package update

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	"vigie/internal/answer"
	"vigie/internal/api"
)

// offer is an image that was judged, and may be written.
type offer struct {
	id    string
	image *systemimage.Image
	head  []byte // how it begins
	dir   string // of a medium; "": it is sent
	file  string
}

// Offer judges an update by its parts (systemimage.OpenParts). Nothing is changed.
func (u *Updater) Offer(parts []byte) (api.UpdateOffer, error) {
	if err := u.able(); err != nil {
		return api.UpdateOffer{}, err
	}
	trusted, err := u.cfg.Trusted()
	if err != nil {
		return api.UpdateOffer{}, err
	}
	image, err := systemimage.OpenParts(parts, trusted)
	if err == nil {
		err = u.judge(image.Manifest)
	}
	if err != nil {
		return api.UpdateOffer{}, judged(err)
	}
	o := &offer{id: newID(), image: image, head: bytes.Clone(parts[:systemimage.HeadBytes])}
	return u.put(o), nil
}

// judged words why an update is not taken.
func judged(err error) error {
	switch {
	case errors.Is(err, systemimage.ErrNotImage):
		return refuse("not_update", "This is not an update of Vigie, or only a part of one. The file is called system.img; get it again.")
	case errors.Is(err, systemimage.ErrUntrusted):
		return refuse("untrusted", "The update is not signed by a key that this machine trusts: it was made by somebody else, or was changed. Nothing was changed.")
	case errors.Is(err, systemimage.ErrDamaged):
		return refuse("damaged", "The update is damaged, or only a part of one. Get the file again. Nothing was changed.")
	}
	return err
}

// judge says why a version cannot follow the one that runs, if it cannot.
func (u *Updater) judge(m systemimage.Manifest) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.running()
	switch {
	case m.Product != "" && m.Product != systemimage.Product:
		return refuse("wrong_product", fmt.Sprintf("This is an update for %s, not for Vigie. Nothing was changed.", m.Product))
	case m.Arch != "" && m.Arch != systemimage.Architecture:
		return refuse("wrong_architecture", fmt.Sprintf("This update is for machines of another kind (%s; this one is %s). Nothing was changed.", m.Arch, systemimage.Architecture))
	case m.BuiltS < now.BuiltS:
		return refuse("older", fmt.Sprintf("Version %s of %s is older than version %s of %s, which runs. Only the version in the other slot can be gone back to. Nothing was changed.",
			m.Version, day(m), now.Version, day(now)))
	}
	return nil
}

func day(m systemimage.Manifest) string { return m.Built().Format(time.DateOnly) }

// put remembers an offer.
func (u *Updater) put(o *offer) api.UpdateOffer {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.remember(o)
	m := o.image.Manifest
	out := api.UpdateOffer{ID: o.id, Version: m.Version, BuiltMs: m.Built().UnixMilli(), Kernel: m.Kernel, Notes: m.Notes, Bytes: o.image.Size(), File: o.file,
		Relation: api.UpdateOfferRelation(relation(m, u.running()))}
	other := loader.Other(u.cfg.Slot)
	is, there := u.images[other]
	switch {
	case there && is.SHA256 == m.SHA256 && is.Version == m.Version && u.slots.Of(other) == loader.Bad:
		out.Warning = "This version was tried on this machine, and did not work."
	case m.BuiltS == u.running().BuiltS:
		out.Warning = "This version runs already."
	case there && u.slots.Of(other) == loader.Confirmed:
		out.Warning = fmt.Sprintf("It takes the place of version %s, to which this machine can go back now.", is.Version)
	}
	return out
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (u *Updater) offer(id string) (*offer, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, o := range u.offers {
		if o.id == id {
			return o, nil
		}
	}
	return nil, answer.Refuse(http.StatusNotFound, "no_offer", "This update is not known any more. Choose the file again.")
}

// Find looks for updates on a USB disk.
func (u *Updater) Find(ctx context.Context, medium string) ([]api.UpdateOffer, error) {
	if err := u.able(); err != nil {
		return nil, err
	}
	trusted, err := u.cfg.Trusted()
	if err != nil {
		return nil, err
	}
	dir, err := u.cfg.Medium(ctx, medium)
	if err != nil {
		return nil, err
	}
	names, err := imageFiles(dir)
	if err != nil {
		return nil, refuse("unreadable", "The USB disk cannot be read: "+err.Error()+".")
	}
	var found []*offer
	why := refuse("no_update", "There is no update on this USB disk: no file in no folder, whose name ends in .img.")
	for _, name := range names {
		o, err := u.look(dir, name, trusted)
		if err == nil {
			found = append(found, o)
			continue
		}
		var problem *answer.Problem
		if errors.As(judged(err), &problem) {
			why = refuse(problem.Detail.Code, name+": "+problem.Detail.Message)
		}
	}
	if len(found) == 0 {
		return nil, why
	}
	slices.SortStableFunc(found, newest)
	found = found[:min(len(found), 8)]
	var out []api.UpdateOffer
	for _, o := range found {
		out = append(out, u.put(o))
	}
	return out, nil
}

// imageFiles are the names of files in a foreign folder that may be updates.
func imageFiles(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.EqualFold(filepath.Ext(e.Name()), ".img") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 32)], nil
}

func (u *Updater) look(dir, name string, trusted []ed25519.PublicKey) (*offer, error) {
	f, size, err := openIn(dir, name)
	if err != nil {
		return nil, refuse("unreadable", "It cannot be read: "+err.Error()+".")
	}
	defer f.Close()
	parts, err := systemimage.ReadParts(f, size)
	if err != nil {
		return nil, err
	}
	image, err := systemimage.OpenParts(parts, trusted)
	if err != nil {
		return nil, err
	}
	return &offer{id: newID(), image: image, dir: dir, file: name}, u.judge(image.Manifest)
}

// openIn opens a file of a foreign folder; a link out of it is none.
func openIn(dir, name string) (*os.File, int64, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Write writes an offered image to the slot that does not run, as it comes. size is how much is going to come; negative: not
// known.
func (u *Updater) Write(ctx context.Context, id string, body io.Reader, size int64, by string) error {
	o, err := u.offer(id)
	if err != nil {
		return err
	}
	if o.dir != "" {
		return refuse("on_medium", "This update lies on a USB disk and is copied from there.")
	}
	if size >= 0 && size != o.image.Size() {
		return refuse("damaged", fmt.Sprintf("The file has %d bytes; the update that was offered has %d. Choose the file again. Nothing was changed.", size, o.image.Size()))
	}
	head := make([]byte, systemimage.HeadBytes)
	if _, err := io.ReadFull(body, head); err != nil || !bytes.Equal(head, o.head) {
		return refuse("damaged", "What comes is not the update that was offered. Choose the file again. Nothing was changed.")
	}
	end, err := u.begin()
	if err != nil {
		return err
	}
	defer end()
	return u.write(ctx, o, io.MultiReader(bytes.NewReader(head), body), by)
}

// Copy does the same from a USB disk, all of which is read and checked before anything is written. It returns when that has
// begun, or was refused.
func (u *Updater) Copy(ctx context.Context, id, by string) error {
	o, err := u.offer(id)
	if err != nil {
		return err
	}
	if o.dir == "" {
		return refuse("not_on_medium", "This update lies on no USB disk; send it.")
	}
	end, err := u.begin()
	if err != nil {
		return err
	}
	if err := u.unjudged(); err != nil {
		end()
		return err
	}
	u.progress(o, api.UpdateWritingStatusRunning, 0, "Checking the file.")
	work := func(ctx context.Context) {
		defer end()
		err := u.copy(ctx, o, by)
		if err != nil {
			u.cfg.Log.Error("update", "version", o.image.Version, "err", err)
		}
	}
	select {
	case u.jobs <- work:
		return nil
	case <-ctx.Done():
		end()
		return ctx.Err()
	}
}

func (u *Updater) copy(ctx context.Context, o *offer, by string) error {
	f, size, err := openIn(o.dir, o.file)
	if err == nil {
		defer f.Close()
		if size != o.image.Size() {
			err = systemimage.ErrDamaged
		} else {
			err = o.image.Verify(f, nil)
		}
	}
	if err != nil {
		u.progress(o, api.UpdateWritingStatusFailed, 0, "The file on the USB disk is damaged, or the disk was pulled. Nothing was changed.")
		return err
	}
	return u.write(ctx, o, io.NewSectionReader(f, 0, size), by)
}

// write fills the slot that does not run.
func (u *Updater) write(ctx context.Context, o *offer, from io.Reader, by string) error {
	if err := u.unjudged(); err != nil {
		return err
	}
	other := loader.Other(u.cfg.Slot)
	began := u.cfg.Now()
	u.cfg.Log.Info("update is written", "version", o.image.Version, "slot", other, "user", by)
	u.progress(o, api.UpdateWritingStatusRunning, 0, "Writing it.")
	err := u.fill(ctx, o, other, from)
	if err != nil {
		u.cfg.Log.Error("update", "version", o.image.Version, "slot", other, "err", err)
		err = told(err, "write the update")
		u.progress(o, api.UpdateWritingStatusFailed, 0, err.Error())
		return err
	}
	u.cfg.Log.Info("update is written and read back", "version", o.image.Version, "slot", other, "seconds", u.cfg.Now().Sub(began).Seconds())
	u.progress(o, api.UpdateWritingStatusDone, 100, "It is written, and what the disk gives back is what was signed. It starts when it is told to.")
	return nil
}

func (u *Updater) fill(ctx context.Context, o *offer, slot string, from io.Reader) (err error) {
	d, closer, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.read(d), closer.Close()) }()
	u.mu.Lock()
	slots, planned := u.slots, u.record.Plan != nil
	u.mu.Unlock()
	if planned { // for what is overwritten
		if err := u.change(func(r *record) { r.Plan = nil }); err != nil {
			return err
		}
	}
	if slots, err = slots.Clear(u.cfg.Slot); err != nil {
		return err
	}
	if err := u.set(d, slots); err != nil {
		return err
	}
	last := -1
	return d.FillSlot(ctx, layout.Role(slot), o.image, from, func(done int64) {
		percent := int(done * 100 / (2 * o.image.Size()))
		if percent != last {
			last = percent
			message := "Writing it."
			if done > o.image.Size() {
				message = "Reading it back."
			}
			u.progress(o, api.UpdateWritingStatusRunning, percent, message)
		}
	})
}

func (u *Updater) progress(o *offer, status api.UpdateWritingStatus, percent int, message string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writing = api.UpdateWriting{Version: o.image.Version, Status: status, Percent: percent, Message: message}
}
