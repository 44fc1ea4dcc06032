package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"vigie/internal/sysconfig"
)

// onceDone is the mark, in the running copy's folder, that what was to be done once in this start of the machine has been.
const onceDone = "once"

// Once is a change that whoever started the machine asks for, made once in this start. It is in force from Open on, whatever
// configuration the volumes bring, and is written when all of them have been heard: among copies of different age an earlier
// change would make the older one the newer. Where no volume has brought a configuration by then, it is written over the
// first that comes.
type Once struct {
	Edit func(*sysconfig.Config)
	Told func(error) // told how the writing went; must not call back
}

// openOnce drops what an earlier run of the service has done. Called by Open.
func (k *Keeper) openOnce() {
	switch _, err := os.Stat(filepath.Join(k.dir, onceDone)); {
	case k.Once == nil, errors.Is(err, fs.ErrNotExist):
	case err != nil:
		k.log.Error("configuration: once", "err", err)
	default:
		k.Once = nil
	}
}

// due says whether the change is to be written now. The caller holds changing.
func (k *Keeper) due() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Once != nil && k.settled
}

// endOnce is called when the change has been written. The caller holds changing.
func (k *Keeper) endOnce() {
	k.Once.Told(os.WriteFile(filepath.Join(k.dir, onceDone), nil, 0o640))
	k.Once = nil
}

// makeOnce writes the change, if there is a configuration to be changed.
func (k *Keeper) makeOnce() {
	k.changing.Lock()
	defer k.changing.Unlock()
	if !k.due() || k.current().Generation == 0 {
		return
	}
	if err := k.change(func(*sysconfig.Config) {}); err != nil {
		k.Once.Told(err) // it stays in force for this start
	}
}
