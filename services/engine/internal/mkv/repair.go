package mkv

import (
	"errors"
	"fmt"
	"io"

	"vigie/internal/filesys"
)

// ErrDamaged: much more than an unsynced tail is broken; cutting would lose footage that may be saved otherwise.
var ErrDamaged = errors.New("file is damaged far from its end")

// maxCut is the most that a crash can tear: what waits to be written, and one cluster.
const maxCut = 3 * clusterBytes

// Repaired is what Repair found and did.
type Repaired struct {
	File     *File // what the header says; its reader may be closed
	Size     int64
	EndNs    int64
	CutBytes int64 // torn tail
	Clusters int   // that were looked at; 0: the file holds no footage
}

// frontBytes is what is read of a file's beginning at once.
const frontBytes = 52 + frontSize + usualHeader

// Repair turns a file that was not closed, or only in part, into a closed one: a torn tail is cut off, Cues, Duration and
// sizes are written. It counts once the file is synced, which is the caller's: one sync may do for many files. A file
// without one whole cluster is left as it is, and Clusters is 0. An error that is ErrFormat means that the header cannot be
// read, one that is ErrDamaged that cutting would lose more than a crash can tear; then the file is left as it is too.
// Repairing a whole file changes nothing of what it holds. Nobody else may write the file meanwhile.
func Repair(fd filesys.File) (*Repaired, error) {
	st, err := fd.Stat()
	if err != nil {
		return nil, err
	}
	front := make([]byte, min(st.Size(), frontBytes))
	if n, err := fd.ReadAt(front, 0); err != nil && err != io.EOF {
		return nil, err
	} else {
		front = front[:n]
	}
	f, err := Open(&span{fd, 0, front}, st.Size())
	if err != nil {
		return nil, err
	}
	x, ok, err := f.tail()
	if err == nil && !ok {
		x, err = f.Scan()
	}
	if err != nil {
		return nil, err
	}
	r := &Repaired{File: f, Size: x.Size, EndNs: x.EndNs, CutBytes: st.Size() - x.Size, Clusters: x.Clusters}
	if r.CutBytes > maxCut {
		return nil, fmt.Errorf("%w: at byte %d of %d", ErrDamaged, x.Size, st.Size())
	}
	if x.Clusters == 0 {
		r.Size = st.Size()
		return r, nil
	}
	if r.CutBytes > 0 {
		if err := fd.Truncate(x.Size); err != nil {
			return nil, err
		}
	}
	for _, p := range f.layout.closing(x.cues, x.ticks, x.Size, max(f.run.Video(), 0)) {
		if _, err := fd.WriteAt(p.Data, p.Offset); err != nil {
			return nil, err
		}
	}
	return r, nil
}
