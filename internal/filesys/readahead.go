package filesys

import "golang.org/x/sys/unix"

// NoReadAhead has the system read no more of a file than it is asked for. It is advice: where it cannot be given, nothing
// is lost but time.
func NoReadAhead(f File) { advise(f, unix.FADV_RANDOM) }

// Uncache has the system forget what it holds of a file in memory, so that it is read from the disk. It is advice, and what was
// not synced stays.
func Uncache(f File) { advise(f, unix.FADV_DONTNEED) }

// advise tells the system how the whole of a file is going to be read.
func advise(f File, advice int) {
	o, ok := f.(file)
	if !ok {
		return
	}
	c, err := o.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) { _ = unix.Fadvise(int(fd), 0, 0, advice) })
}
