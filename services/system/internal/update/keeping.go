package update

import (
	"errors"
	"io/fs"
	"path/filepath"

	"vigie/internal/atomicfile"
)

func onVolume(volume string) string { return filepath.Join(volume, "vigie/machine", recordFile) }

// takeUp takes a copy of the record that is newer than what is known, if it is about this disk's slots.
func (u *Updater) takeUp(file string) {
	r, err := readRecord(file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			u.cfg.Log.Warn("record of updates passed over", "path", file, "err", err)
		}
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.System == u.cfg.System && r.Seq > u.record.Seq {
		u.record = r
	}
}

// change edits the record and writes it to all volumes. It is an error when there are volumes and none takes it.
func (u *Updater) change(edit func(*record)) error {
	u.mu.Lock()
	next := u.record
	edit(&next)
	next.System = u.cfg.System
	next.Seq++
	b, err := next.encode()
	if err != nil {
		u.mu.Unlock()
		return err
	}
	u.record = next
	volumes := len(u.volumes)
	u.mu.Unlock()
	taken := u.everywhere("record of updates", func(path string) error { return atomicfile.Write(onVolume(path), b, 0o600) })
	err = atomicfile.Write(u.cfg.File, b, 0o600)
	if volumes > 0 && taken == 0 {
		err = errors.Join(err, errors.New("no volume takes the record of updates"))
	}
	return err
}

func (u *Updater) known() record {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.record
}
