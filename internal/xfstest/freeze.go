package xfstest

import (
	"sync"
	"testing"
)

// Of Linux's fs.h; they take no value.
const (
	freeze   = 0xC0045877 // FIFREEZE
	unfreeze = 0xC0045878 // FITHAW
)

// Freeze lets everything that would be written at path hang, as a disk does that does not answer, until thaw is called or the test ends.
func Freeze(tb testing.TB, path string) (thaw func()) {
	tb.Helper()
	if err := ioctl(path, freeze, 0); err != nil {
		tb.Fatal(err)
	}
	thaw = sync.OnceFunc(func() {
		if err := ioctl(path, unfreeze, 0); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(thaw)
	return thaw
}
