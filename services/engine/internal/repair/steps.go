package repair

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"vigie/internal/api"
	"vigie/services/engine/internal/archive"
)

const (
	good   = api.RepairFindingKindGood
	mended = api.RepairFindingKindMended
	bad    = api.RepairFindingKindBad
)

// check reads everything, and changes nothing but totals and damaged copies.
func (r *Repairer) check(ctx context.Context) error {
	r.step("The database in memory is read.")
	if err := r.cfg.DB.Check(); err != nil {
		r.find(bad, fmt.Sprintf("The database in memory is damaged: %v. Build it anew from its copies.", err))
	} else {
		r.find(good, "The database in memory is whole.")
	}
	if err := r.rows(ctx); err != nil {
		return err
	}
	if err := r.copies(ctx); err != nil {
		return err
	}
	r.step("The index is compared with the names of all files.")
	looks, err := r.cfg.Archive.Compare(ctx, r.tell)
	if err != nil {
		return err
	}
	for _, l := range looks {
		if l.Skipped != "" {
			r.find(bad, fmt.Sprintf("Volume %s cannot be compared: %s", l.Name, l.Skipped))
			continue
		}
		if l.Added == 0 && l.Lost == 0 && l.Strange == 0 {
			r.find(good, fmt.Sprintf("Volume %s: the index and its %s agree.", l.Name, files(l.Files)))
			continue
		}
		r.find(bad, fmt.Sprintf("Volume %s: of its %s %d are not in the index; %d that are in it are not there. Build the index anew from the files.", l.Name, files(l.Files), l.Added, l.Lost))
		r.strange(l)
	}
	return nil
}

// rows verifies the index's rows and totals.
func (r *Repairer) rows(ctx context.Context) error {
	r.step("The rows of the index are read.")
	n, err := r.cfg.Index.Verify(ctx)
	switch {
	case err != nil:
		return err
	case n > 0:
		r.find(mended, fmt.Sprintf("Rows or totals of %d groups of recordings were wrong, and are put right.", n))
	default:
		r.find(good, "All rows of the index can be read, and its totals are right.")
	}
	return nil
}

// copies reads all copies back.
func (r *Repairer) copies(ctx context.Context) error {
	r.step("The copies on the volumes are read back.")
	results := r.cfg.DB.CheckCopies(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(results)) {
		name := r.cfg.VolumeName(id)
		if err := results[id]; err != nil {
			r.find(bad, fmt.Sprintf("The copy on volume %s is damaged or cannot be read: %v. A damaged one is written anew at once.", name, err))
		} else {
			r.find(good, fmt.Sprintf("The copy on volume %s is whole.", name))
		}
	}
	if len(results) == 0 {
		r.find(bad, "There is no copy on any volume. Connect a data volume.")
	}
	return nil
}

// fromCopies builds the database in memory anew.
func (r *Repairer) fromCopies(ctx context.Context) error {
	r.step("The copies are read, and the database is built anew from the best.")
	rebuilt, err := r.cfg.DB.Rebuild(ctx)
	if err != nil {
		r.find(bad, "The database in use stays as it is.")
		return err
	}
	if err := r.cfg.Index.Reload(); err != nil {
		return err
	}
	r.find(mended, fmt.Sprintf("The database is built anew from the copy on volume %s, of generation %d (%d changes from its journal), and has taken over the %d changes that came meanwhile.",
		r.cfg.VolumeName(rebuilt.Source), rebuilt.Generation, rebuilt.Replayed, rebuilt.CaughtUp))
	return r.rows(ctx)
}

// fromFiles brings the index in step with what is on the volumes.
func (r *Repairer) fromFiles(ctx context.Context) error {
	if err := r.rows(ctx); err != nil { // what cannot be read is found anew
		return err
	}
	r.step("The files of all volumes are looked into.")
	looks, err := r.cfg.Archive.LookAgain(ctx, r.tell)
	if err != nil {
		return err
	}
	if len(looks) == 0 {
		return errors.New("there is no data volume")
	}
	for _, l := range looks {
		if l.Skipped != "" {
			r.find(bad, fmt.Sprintf("Volume %s could not be gone through: %s", l.Name, l.Skipped))
			continue
		}
		kind, text := good, fmt.Sprintf("Volume %s: looked into %s", l.Name, files(l.Files))
		switch {
		case l.Added > 0 || l.Lost > 0:
			kind, text = mended, fmt.Sprintf("%s; %d were not in the index and are now, %d were in it and are not there: their time is a gap now.", text, l.Added, l.Lost)
		default:
			text += "; the index was right."
		}
		r.find(kind, text)
		r.strange(l)
	}
	return r.rows(ctx)
}

// files says how many.
func files(n int64) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

func (r *Repairer) strange(l archive.Look) {
	if l.Strange > 0 {
		r.find(bad, fmt.Sprintf("Volume %s holds %s among its recordings that are damaged, misnamed or something else. They are left as they are, and are not in the index. One is %s.", l.Name, files(l.Strange), l.Example))
	}
}

// tell sums up how far the volumes have come.
func (r *Repairer) tell(looks []archive.Look) {
	var done, total int64
	for _, l := range looks {
		done, total = done+l.Done, total+l.Total
	}
	r.progress(done, total)
}
