package mkv

import (
	"encoding/binary"
	"io"
)

// Remains is what a spliced file says of itself when its end, and with it its attachment, is missing.
type Remains struct {
	StartNs, EndNs int64 // that it had, UTC
	LastNs         int64 // start of the last cluster that is there in whole, UTC; 0: there is none
	Missing        int64 // bytes
	App, Camera    string
}

// maxSpliceHead bounds what is read of an element other than a cluster.
const maxSpliceHead = 64 << 20

// ReadRemains walks what there is of a spliced file. ErrFormat: it is not one.
func ReadRemains(r io.ReaderAt, size int64) (x Remains, err error) {
	f := &File{r: r, size: size}
	b, err := f.readAt(0, 64)
	if err != nil {
		return x, err
	}
	e, err := parseHead(b)
	if err != nil || e.id != idEBML || e.size < 0 || e.size > int64(len(b)-e.headLen-12) {
		return x, ErrFormat
	}
	at := int64(e.headLen) + e.size
	segment, err := parseHead(b[at:])
	if err != nil || segment.id != idSegment || segment.size < 0 {
		return x, ErrFormat
	}
	at += int64(segment.headLen)
	x.Missing = max(at+segment.size-size, 0)
	for at < size {
		head, err := f.readAt(at, 16)
		if err != nil {
			return x, err
		}
		e, err := parseHead(head)
		if err != nil || e.size < 0 {
			break
		}
		total := int64(e.headLen) + e.size
		if total > size-at {
			break
		}
		switch e.id {
		case idInfo:
			if e.size > maxSpliceHead {
				return x, ErrFormat
			}
			data, err := f.readAt(at+int64(e.headLen), int(e.size))
			if err != nil {
				return x, err
			}
			if err := x.info(data); err != nil {
				return x, ErrFormat
			}
		case idCluster:
			c, err := f.readAt(at, timeEnd)
			if err != nil {
				return x, err
			}
			if n, err := ClusterSize(c); err == nil && n == total {
				x.LastNs = x.StartNs + int64(min(binary.BigEndian.Uint64(c[16:]), 1<<40))*tickNs
			}
		}
		at += total
	}
	if x.StartNs == 0 {
		return x, ErrFormat
	}
	return x, nil
}

func (x *Remains) info(b []byte) error {
	return children(b, func(id uint32, d []byte) error {
		switch id {
		case idDateUTC:
			if len(d) == 8 {
				x.StartNs = int64(binary.BigEndian.Uint64(d)) + matroskaEpochNs
				x.EndNs += x.StartNs
			}
		case idDuration:
			x.EndNs += int64(min(max(parseFloat(d), 0), 1<<40)) * tickNs
		case idTitle:
			x.Camera = string(d)
		case idMuxingApp:
			x.App = string(d)
		}
		return nil
	})
}
