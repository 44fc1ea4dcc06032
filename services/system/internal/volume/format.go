package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MinSize is the smallest disk that mkfs.xfs makes a file system on, in bytes.
const MinSize = 300 << 20

const mib = 1 << 20

// ErrTooSmall is wrapped when a disk cannot hold a volume.
var ErrTooSmall = errors.New("the disk is too small")

// ErrInUse is wrapped when the kernel says that something uses the disk.
var ErrInUse = errors.New("the disk is in use")

// ErrSwapped is wrapped when the disk at the node is not the one that was meant.
var ErrSwapped = errors.New("another disk has taken its place")

// Format makes the whole disk at node an XFS file system with our label and the given UUID. seq is the kernel's number
// of the disk that is meant (its diskseq): the node's name may have gone to another one since somebody chose it; 0 does
// not ask. step is told in words what is being done. Whatever was there is lost from the first step on, not before.
func Format(ctx context.Context, node string, seq uint64, id string, rotational bool, step func(string)) error {
	return FormatAs(ctx, Label, node, seq, id, rotational, step)
}

// FormatAs is Format with another label, of a disk or of a partition, whose number is that of its disk.
func FormatAs(ctx context.Context, label, node string, seq uint64, id string, rotational bool, step func(string)) error {
	held, err := Hold(node, seq)
	if err != nil {
		return err
	}
	defer held.Close()
	step("removing what was there")
	if err := Wipe(node, MinSize); err != nil {
		return err
	}
	step("making the file system")
	out, err := exec.CommandContext(ctx, "mkfs.xfs", mkfsArgs(label, node, id, rotational)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.xfs: %w: %s", err, firstLine(out))
	}
	return nil
}

// Hold opens the disk that is meant. For as long as it is open, the kernel gives its name to no other.
func Hold(node string, seq uint64) (*os.File, error) {
	f, err := os.Open(node)
	if err != nil {
		return nil, err
	}
	if err := Same(f, seq); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Same says whether an open disk is the one that is meant; a seq of 0 does not ask.
func Same(f *os.File, seq uint64) error {
	if seq == 0 || !isBlock(f) {
		return nil
	}
	var got uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKGETDISKSEQ, uintptr(unsafe.Pointer(&got)))
	switch {
	case errno != 0:
		return fmt.Errorf("ask which disk it is: %w", errno)
	case got != seq:
		return ErrSwapped
	}
	return nil
}

// mkfsArgs: no reverse map (its trees cost a write for each extent, and what it gives, online repair, is not shipped),
// no reflink (recordings are never cloned, and shared extents cost on each write), big timestamps (2038 is near).
// Folders are in blocks of 16 KiB: a camera's day is then one or two places on the disk, not four to eight.
// An SSD is discarded first, so that it starts with all its spare blocks; on a spinning disk that does nothing.
func mkfsArgs(label, node, id string, rotational bool) []string {
	args := []string{"-q", "-f", "-L", label, "-m", "crc=1,finobt=1,rmapbt=0,reflink=0,bigtime=1,inobtcount=1,uuid=" + id, "-n", "size=16384"}
	if rotational {
		args = append(args, "-K")
	}
	return append(args, node)
}

// Wipe overwrites both ends of a disk of at least so many bytes, where partition tables and superblocks of every kind are, and has the kernel forget the
// partitions. The exclusive open fails while anything on the disk is mounted or claimed.
func Wipe(node string, least int64) error {
	f, err := os.OpenFile(node, os.O_RDWR|os.O_EXCL, 0)
	if err != nil {
		if errors.Is(err, unix.EBUSY) {
			return ErrInUse
		}
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size < least {
		err = fmt.Errorf("%w: it has %d MiB and needs %d", ErrTooSmall, size/mib, least/mib)
	}
	zeros := make([]byte, mib)
	if err == nil {
		_, err = f.WriteAt(zeros, 0)
	}
	if err == nil {
		_, err = f.WriteAt(zeros, size-int64(len(zeros)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil && isBlock(f) {
		err = RereadPartitions(f)
	}
	return errors.Join(err, f.Close())
}

func isBlock(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeDevice != 0
}

// RereadPartitions has the kernel read the partition table of an open disk again. A disk without partition support (a loop device) answers EINVAL; one that is being looked at by
// somebody is busy for a moment.
func RereadPartitions(f *os.File) error {
	for try := range 20 {
		err := unix.IoctlSetInt(int(f.Fd()), unix.BLKRRPART, 0)
		switch {
		case err == nil || errors.Is(err, unix.EINVAL):
			return nil
		case !errors.Is(err, unix.EBUSY):
			return fmt.Errorf("read the partition table again: %w", err)
		}
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
	}
	return fmt.Errorf("read the partition table again: %w", ErrInUse)
}

// firstLine is what a program says before it explains its usage.
func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.ToValidUTF8(line[:min(200, len(line))], "")
}
