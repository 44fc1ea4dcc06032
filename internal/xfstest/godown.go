// Package xfstest is for tests of what is on an XFS when its power goes, when it has shut itself down after an I/O error, or while its
// disk hangs. It needs root.
package xfstest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Log is what becomes of the changes that are in the file system's log in memory.
type Log int

// Those of Linux's xfs_fs.h (XFS_FSOP_GOING_FLAGS).
const (
	LogWritten Log = 1 // a mount carries them out
	LogLost    Log = 2 // with all that was not synced
)

const goingDown = 0x8004587D // XFS_IOC_GOINGDOWN

// GoDown shuts down the XFS that is mounted at path: everything fails there from then on, until it is mounted anew.
func GoDown(tb testing.TB, path string, log Log) {
	tb.Helper()
	if err := ioctl(path, goingDown, int(log)); err != nil {
		tb.Fatal(err)
	}
}

// ioctl has the file system that is mounted at path do something.
func ioctl(path string, request uint, value int) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), request, value); err != nil {
		return fmt.Errorf("ioctl %#x on %s: %w", request, path, err)
	}
	return nil
}
