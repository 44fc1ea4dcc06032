package install

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/services/system/internal/volume"
)

// device is a disk that is open for writing.
type device struct{ *os.File }

// busyFor is how long a disk may stay in use after its volumes were let go of: services close their files a moment later.
const busyFor = 10 * time.Second

// open opens the disk that is meant; alone means that the kernel refuses while anything on it is in use.
func open(t Target, alone bool) (*device, error) {
	flags := os.O_RDWR
	if alone {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(t.Node, flags, 0)
	for end := time.Now().Add(busyFor); errors.Is(err, unix.EBUSY) && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
		f, err = os.OpenFile(t.Node, flags, 0)
	}
	if errors.Is(err, unix.EBUSY) {
		err = volume.ErrInUse
	}
	if err != nil {
		return nil, err
	}
	d := &device{f}
	if err := d.check(t); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// OpenSystem opens the disk that a machine was started from, whose table has the id system, if t is that disk.
func OpenSystem(t Target, system string) (*installer.Disk, io.Closer, error) {
	d, err := open(t, false)
	if err != nil {
		return nil, nil, err
	}
	disk, err := installer.Open(d, t.Bytes)
	if err == nil && disk.System() != system {
		err = layout.ErrNoSystem
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return disk, d, nil
}

func (d *device) check(t Target) error {
	if err := volume.Same(d.File, t.Seq); err != nil {
		return err
	}
	size, err := d.Seek(0, 2)
	if err != nil {
		return err
	}
	if size != t.Bytes {
		return fmt.Errorf("the disk has %d bytes, and had %d", size, t.Bytes)
	}
	if sector, err := unix.IoctlGetInt(int(d.Fd()), unix.BLKSSZGET); err != nil || sector != layout.Sector {
		return fmt.Errorf("the disk has sectors of %d bytes; a system disk must have %d (%w)", sector, layout.Sector, errors.Join(err, ErrUnsuitable))
	}
	return nil
}

// ErrUnsuitable is wrapped when a disk can never be a system disk.
var ErrUnsuitable = errors.New("unsuitable disk")

// Flush implements installer.Device: what was written is on the medium, and what is in the kernel's memory is forgotten.
func (d *device) Flush() error {
	if err := d.Sync(); err != nil {
		return err
	}
	return unix.IoctlSetInt(int(d.Fd()), unix.BLKFLSBUF, 0)
}

// reread has the kernel read the partition table.
func (d *device) reread() error { return volume.RereadPartitions(d.File) }
