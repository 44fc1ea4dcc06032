package filesys

import (
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// maxPieces is how many pieces the kernel takes at a time (IOV_MAX).
const maxPieces = 1024

// WritePieces writes pieces one behind the other from an offset on, as one WriteAt of them all would: with OS without
// joining them, in as few system calls as can be.
func WritePieces(f File, pieces [][]byte, off int64) error {
	o, ok := f.(file)
	if !ok {
		_, err := f.WriteAt(slices.Concat(pieces...), off)
		return err
	}
	for len(pieces) > 0 {
		some := pieces[:min(len(pieces), maxPieces)]
		pieces = pieces[len(some):]
		n, err := o.writev(some, off)
		if err != nil {
			return err
		}
		off += int64(n)
		for len(some) > 0 { // what a short write has left, from the piece that it ended in; mostly nothing
			if n >= len(some[0]) {
				n -= len(some[0])
				some = some[1:]
				continue
			}
			m, err := o.WriteAt(some[0][n:], off)
			if err != nil {
				return err
			}
			off += int64(m)
			some, n = some[1:], 0
		}
	}
	return nil
}

func (f file) writev(pieces [][]byte, off int64) (n int, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var werr error
	err = c.Control(func(fd uintptr) {
		for {
			if n, werr = unix.Pwritev(int(fd), pieces, off); werr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return 0, err
	}
	if werr != nil {
		return 0, &fs.PathError{Op: "pwritev", Path: f.Name(), Err: werr}
	}
	return n, nil
}
