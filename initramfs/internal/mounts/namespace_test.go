package mounts

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// lockToPrivateMounts gives the calling goroutine's thread mounts that nobody else sees; both end together.
func lockToPrivateMounts(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Errorf("unshare: %v (this test runs as root)", err)
		runtime.Goexit()
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Errorf("make mounts private: %v", err)
		runtime.Goexit()
	}
}
