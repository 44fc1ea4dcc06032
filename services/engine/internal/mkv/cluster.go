package mkv

import (
	"errors"
	"fmt"
	"io"
)

// cluster is one cluster's place and the little that its first bytes tell.
type cluster struct {
	offset int64
	total  int64 // bytes, head included
	tick   int64
	first  bool // the file was synced up to here before it was written
	key    bool // it begins with a video keyframe (audio-only files: with any frame)
	marked bool // it has a mark; then first is true too
	mark
}

// peekSize is a cluster's head, with its mark but for the list, and that of its first block.
const peekSize = clusterHead + markHead + blockHead

// errTorn: here the file ends, or is damaged.
var errTorn = errors.New("no whole cluster")

// peek reads the head of the cluster at off. io.EOF: the file ends there exactly; errTorn: something else is there.
func (f *File) peek(off int64) (c cluster, err error) {
	if off >= f.size {
		return c, io.EOF
	}
	b, err := f.readAt(off, peekSize)
	if err != nil {
		return c, err
	}
	if len(b) < clusterHead+blockHead {
		return c, errTorn
	}
	e, err := parseHead(b)
	if err != nil || e.id != idCluster || e.size < timeEnd-8 || e.size > maxCluster ||
		b[8] != idCRC32 || b[9] != 0x84 || b[14] != idTimestamp || b[15] != 0x88 {
		return c, errTorn
	}
	c = cluster{offset: off, total: int64(e.headLen) + e.size, tick: int64(parseUint(b[16:24]))}
	if c.tick < 0 || c.tick > 1<<40 || off+c.total > f.size {
		return c, errTorn
	}
	b = b[timeEnd:]
	if b[0] == idVoid && b[1] == 0x81 {
		c.first = b[2] == 1
		b = b[3:]
	}
	if m, n := parseMark(b, &f.meta.UUID, off); c.first && n > 0 && int64(clusterHead+n+blockHead) <= c.total {
		c.marked, c.mark = true, m
		if n+blockHead <= len(b) {
			b = b[n:]
		} else if b, err = f.readAt(off+clusterHead+int64(n), blockHead); err != nil {
			return c, err
		}
	}
	if len(b) >= blockHead && b[0] == idSimpleBlock {
		if _, n, err := parseSize(b[1:]); err == nil && 1+n+4 <= len(b) {
			video := f.run.Video()
			c.key = b[1+n+3]&0x80 != 0 && (video < 0 || b[1+n] == 0x81+byte(video))
		}
	}
	return c, nil
}

// load reads a whole cluster and verifies its CRC; it returns what follows the Timestamp.
func (f *File) load(c cluster) ([]byte, error) {
	b, err := f.readAt(c.offset, int(c.total))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < c.total {
		return nil, errTorn
	}
	if _, ok := checkCRC(b[8:]); !ok {
		return nil, fmt.Errorf("%w: cluster at byte %d fails its CRC", errTorn, c.offset)
	}
	return b[timeEnd:], nil
}

// Extent is where a file's footage ends.
type Extent struct {
	Size     int64 // of the file up to the end of its last whole cluster
	EndNs    int64 // end of the footage, UTC
	Clusters int   // that were looked at; 0: there are none
	cues     []cue
	ticks    int64
}

// Scan walks the clusters from head to head, verifying the CRCs of the last write, for what came before it was synced
// then, and tells where the file really ends.
func (f *File) Scan() (Extent, error) {
	x := Extent{Size: f.layout.clusters, EndNs: f.meta.StartNs}
	list, err := f.walk(f.layout.clusters)
	if err != nil {
		return x, err
	}
	verify := f.layout.clusters
	for _, c := range list {
		if c.first {
			verify = c.offset
		}
	}
	err = f.extent(&x, list, verify, -1)
	return x, err
}

// walk looks at the heads of the clusters from an offset on, up to the first that is not whole by its head.
func (f *File) walk(off int64) (list []cluster, err error) {
	for {
		c, err := f.peek(off)
		if err == io.EOF || errors.Is(err, errTorn) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, c)
		off += c.total
	}
}

// extent adds a list of clusters to what is known of a file: those from an offset on count up to the first that fails its
// CRC. newest is the timestamp of the last frame before them, -1 when not known or none.
func (f *File) extent(x *Extent, list []cluster, verify, newest int64) error {
	for i, c := range list {
		if c.offset >= verify {
			if _, err := f.load(c); errors.Is(err, errTorn) {
				list = list[:i]
				break
			} else if err != nil {
				return err
			}
		}
		if c.key {
			x.cues = append(x.cues, cue{c.tick, c.offset})
		}
		x.Size = c.offset + c.total
	}
	x.Clusters = len(list)
	if x.Clusters == 0 {
		return nil
	}
	var err error
	if x.ticks, err = f.lastTick(list, newest); err != nil {
		return err
	}
	x.EndNs = f.meta.StartNs + x.ticks*tickNs
	return nil
}

// lastTick tells where the footage ends: the last frame's timestamp plus the distance of the last two, of which newest is
// the one before the list.
func (f *File) lastTick(list []cluster, newest int64) (int64, error) {
	video := max(f.run.Video(), 0)
	last, before := int64(-1), int64(-1)
	for i := len(list) - 1; i >= 0 && i >= len(list)-8 && before < 0; i-- {
		data, err := f.load(list[i])
		if errors.Is(err, errTorn) { // it was synced, and has gone bad since
			break
		}
		if err != nil {
			return 0, err
		}
		err = blocks(data, func(track int, rel int64, key bool, payload []byte) error {
			if track != video {
				return nil
			}
			switch t := list[i].tick + rel; {
			case t > last:
				last, before = t, last
			case t > before && t < last:
				before = t
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if last < 0 {
		return max(list[len(list)-1].tick, newest), nil
	}
	if before < 0 {
		before = newest
	}
	if before < 0 || before >= last {
		return max(last, before), nil
	}
	return 2*last - before, nil
}

// blocks calls fn for each SimpleBlock in a cluster's data. payload aliases data.
func blocks(data []byte, fn func(track int, rel int64, key bool, payload []byte) error) error {
	return children(data, func(id uint32, d []byte) error {
		if id != idSimpleBlock {
			return nil
		}
		n, k, err := parseSize(d)
		if err != nil || n < 1 || len(d) < k+3 {
			return fmt.Errorf("%w: block", errEBML)
		}
		if d[k+2]&0x06 != 0 {
			return fmt.Errorf("%w: block with lacing", errEBML)
		}
		rel := int64(int16(uint16(d[k])<<8 | uint16(d[k+1])))
		payload := d[k+3:]
		return fn(int(n)-1, rel, d[k+2]&0x80 != 0, payload[:len(payload):len(payload)])
	})
}

// seek finds the cluster from which to read to have the frame at tick: the last one that begins with a keyframe at or
// before it, or the first.
func (f *File) seek(tick int64) (int64, error) {
	off := f.layout.clusters
	for _, c := range f.cues {
		if c.tick > tick {
			break
		}
		off = c.cluster
	}
	best := off
	for {
		c, err := f.peek(off)
		if err == io.EOF || errors.Is(err, errTorn) {
			return best, nil
		}
		if err != nil {
			return 0, err
		}
		// A cluster's first frame has its lowest timestamp, but for frames shown before the one they follow.
		if c.tick > tick {
			return best, nil
		}
		if c.key {
			best = off
		}
		off += c.total
	}
}
