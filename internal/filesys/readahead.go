package filesys

import "golang.org/x/sys/unix"

// NoReadAhead has the system read no more of a file than it is asked for. It is advice: where it cannot be given, nothing
// is lost but time.
func NoReadAhead(f File) {
	o, ok := f.(file)
	if !ok {
		return
	}
	c, err := o.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) { _ = unix.Fadvise(int(fd), 0, 0, unix.FADV_RANDOM) })
}
