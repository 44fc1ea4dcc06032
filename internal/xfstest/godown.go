// Package xfstest is for tests of what is on an XFS when its power goes, or when it has shut itself down after an I/O error. It needs
// root.
package xfstest

import (
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
	dir, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), goingDown, int(log)); err != nil {
		tb.Fatal(err)
	}
}
