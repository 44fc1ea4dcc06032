package mkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"vigie/services/engine/internal/media"
)

// Element IDs of what only a splice has.
const (
	idChapters       = 0x1043A770
	idEditionEntry   = 0x45B9
	idEditionUID     = 0x45BC
	idChapterAtom    = 0xB6
	idChapterUID     = 0x73C4
	idChapterStart   = 0x91
	idChapterEnd     = 0x92
	idChapterDisplay = 0x80
	idChapString     = 0x85
	idChapLanguage   = 0x437C

	idAttachments  = 0x1941A469
	idAttachedFile = 0x61A7
	idFileName     = 0x466E
	idFileMimeType = 0x4660
	idFileUID      = 0x46AE
	idFileData     = 0x465C
)

// Splice describes a file that is made of cuts of segments: a front, their clusters as they are but for their timestamps
// (see Rebase), and one attachment at the end. All of its bytes but the clusters' are known before one of these is read;
// its Cues stand in front, so that a player finds its way at once.
type Splice struct {
	Run       *media.Run // the tracks
	Meta      Meta
	EndNs     int64
	Points    []Point // Offset counts from the first cluster
	Clusters  int64   // length of them all
	FromNs    int64   // what was asked for, which players show as a chapter; UTC
	ToNs      int64
	AttachTo  string // name of the attachment
	MediaType string
	Attach    int64 // its length
}

// spliceSeek is the room for the SeekHead.
const spliceSeek = 160

// Front returns what stands before the clusters, and Back what stands between them and the attachment's data, with which
// the file ends.
func (s *Splice) Front() (front, back []byte, err error) {
	head, l, err := buildHeader(s.Run, &s.Meta)
	if err != nil {
		return nil, nil, err
	}
	parts := head[l.info:]
	infoEnd := int(l.tags - l.info)
	in := bytes.Clone(l.infoData)
	copy(in[l.duration:], appendFloat(nil, idDuration, float64(roundDiv(s.EndNs-s.Meta.StartNs, tickNs))))
	info := appendMaster(nil, idInfo, in)
	tags, tracks := parts[infoEnd:l.tracks-l.info], parts[l.tracks-l.info:]
	chapters := s.chapters()
	cuesSize := len(s.cues(0))

	infoAt := int64(spliceSeek)
	tracksAt := infoAt + int64(len(info))
	tagsAt := tracksAt + int64(len(tracks))
	chaptersAt := tagsAt + int64(len(tags))
	cuesAt := chaptersAt + int64(len(chapters))
	clustersAt := cuesAt + int64(cuesSize)
	back = s.attachment()
	total := clustersAt + s.Clusters + int64(len(back)) + s.Attach

	b := bytes.Clone(head[:l.segment-8])
	b = appendSize(b, uint64(total), 8)
	var seek []byte
	for _, e := range []struct {
		id uint32
		at int64
	}{{idInfo, infoAt}, {idTracks, tracksAt}, {idTags, tagsAt}, {idChapters, chaptersAt}, {idCues, cuesAt}, {idAttachments, clustersAt + s.Clusters}} {
		x := appendElem(nil, idSeekID, appendID(nil, e.id))
		x = appendUint(x, idSeekPosition, uint64(e.at))
		seek = appendElem(seek, idSeek, x)
	}
	sh := appendMaster(nil, idSeekHead, seek)
	b = append(b, appendVoid(sh, spliceSeek-len(sh))...)
	for _, p := range [][]byte{info, tracks, tags, chapters, s.cues(clustersAt)} {
		b = append(b, p...)
	}
	return b, back, nil
}

// cues are of one length wherever the clusters begin.
func (s *Splice) cues(clustersAt int64) []byte {
	video := max(s.Run.Video(), 0)
	var c []byte
	for _, k := range s.Points {
		p := appendUint(nil, idCueTrack, uint64(video)+1)
		p = appendElem(p, idCueClusterPosition, binary.BigEndian.AppendUint64(nil, uint64(clustersAt+k.Offset)))
		pt := appendUint(nil, idCueTime, uint64(max(roundDiv(k.Ns-s.Meta.StartNs, tickNs), 0)))
		c = appendElem(c, idCuePoint, appendElem(pt, idCueTrackPositions, p))
	}
	return appendMaster(nil, idCues, c)
}

// chapters has one: what was asked for, as far as the file has it.
func (s *Splice) chapters() []byte {
	from := max(s.FromNs-s.Meta.StartNs, 0)
	to := max(min(s.ToNs, s.EndNs)-s.Meta.StartNs, from)
	d := appendString(nil, idChapString, "The range asked for")
	d = appendString(d, idChapLanguage, "eng")
	a := appendUint(nil, idChapterUID, binary.BigEndian.Uint64(s.Meta.UUID[:8])|1)
	a = appendUint(a, idChapterStart, uint64(from))
	a = appendUint(a, idChapterEnd, uint64(to))
	a = appendElem(a, idChapterDisplay, d)
	e := appendUint(nil, idEditionUID, binary.BigEndian.Uint64(s.Meta.UUID[8:])|1)
	e = appendElem(e, idChapterAtom, a)
	return appendMaster(nil, idChapters, appendElem(nil, idEditionEntry, e))
}

// attachment is its head: its data, which ends the file, follows.
func (s *Splice) attachment() []byte {
	f := appendString(nil, idFileName, s.AttachTo)
	f = appendString(f, idFileMimeType, s.MediaType)
	f = appendUint(f, idFileUID, binary.BigEndian.Uint64(s.Meta.UUID[4:12])|1)
	f = appendSize(appendID(f, idFileData), uint64(s.Attach), 8)
	size := uint64(len(f)) + uint64(s.Attach)
	b := appendSize(appendID(nil, idAttachedFile), size, 8)
	b = append(b, f...)
	size += uint64(len(b) - len(f))
	return append(appendSize(appendID(nil, idAttachments), size, 8), b...)
}

// ErrCluster: where a cluster should be is something else.
var ErrCluster = errors.New("no cluster")

// ClusterSize tells from the first ClusterHead bytes of a cluster how long it is.
func ClusterSize(b []byte) (int64, error) {
	e, err := parseHead(b)
	if err != nil || e.id != idCluster || e.headLen != 8 || e.size < timeEnd-8 || e.size > maxCluster || len(b) < timeEnd ||
		b[8] != idCRC32 || b[9] != 0x84 || b[14] != idTimestamp || b[15] != 0x88 {
		return 0, ErrCluster
	}
	return int64(e.headLen) + e.size, nil
}

// ClusterHead is how many bytes ClusterSize wants to see.
const ClusterHead = timeEnd

// Delta is what the timestamps of a segment's clusters are moved by in a splice that begins at startNs.
func (f *File) Delta(startNs int64) int64 { return roundDiv(f.meta.StartNs-startNs, tickNs) }

// Rebase moves a cluster's timestamp by so many ticks, in place, and returns how long after the splice's start it then
// begins. Blocks from before the start, sound that belongs to a picture that is not there or pictures that cannot be
// decoded without it, become Void elements of the same length. whole is false when the cluster's CRC was wrong before:
// then the disk has changed it, and it goes out as it is.
func Rebase(b []byte, delta int64) (offsetNs int64, whole bool, err error) {
	if n, err := ClusterSize(b); err != nil || n != int64(len(b)) {
		return 0, false, ErrCluster
	}
	_, whole = checkCRC(b[8:])
	tick := int64(binary.BigEndian.Uint64(b[16:])) + delta
	if tick < -maxBlockRel || tick > 1<<40 {
		return 0, false, fmt.Errorf("%w: it lies before the start", ErrCluster)
	}
	if tick <= maxBlockRel {
		if err := blank(b[timeEnd:], tick); err != nil && whole {
			return 0, false, err
		}
		tick = max(tick, 0)
	}
	binary.BigEndian.PutUint64(b[16:], uint64(tick))
	binary.LittleEndian.PutUint32(b[10:], crc32.ChecksumIEEE(b[crcEnd:]))
	return tick * tickNs, whole, nil
}

// blank makes the blocks of a cluster void that lie before tick 0, and lets the others count from there if the cluster
// does.
func blank(b []byte, tick int64) error {
	for len(b) > 0 {
		e, err := parseHead(b)
		if err != nil || e.size < 0 || e.size > int64(len(b)-e.headLen) {
			return ErrCluster
		}
		if d := b[e.headLen : e.headLen+int(e.size)]; e.id == idSimpleBlock && e.size >= 4 {
			switch at := tick + int64(int16(binary.BigEndian.Uint16(d[1:]))); {
			case at < 0:
				b[0] = idVoid
				clear(d)
			case tick < 0:
				binary.BigEndian.PutUint16(d[1:], uint16(min(at, maxBlockRel)))
			}
		}
		b = b[e.headLen+int(e.size):]
	}
	return nil
}

// TicksPerSecond is how many ticks of timestamps a second has.
const TicksPerSecond = 1_000_000_000 / tickNs

// Blocks calls fn for each frame of a cluster, in the order in which they are stored, with its timestamp moved by delta; it
// ends where the cluster is damaged, or at the error that fn returns. tick is the cluster's own timestamp, moved. whole is
// false when its CRC is wrong. Payloads are parts of b.
func Blocks(b []byte, delta int64, fn func(track int, tick int64, key bool, payload []byte) error) (tick int64, whole bool, err error) {
	if n, err := ClusterSize(b); err != nil || n != int64(len(b)) {
		return 0, false, ErrCluster
	}
	_, whole = checkCRC(b[8:])
	tick = int64(binary.BigEndian.Uint64(b[16:])) + delta
	if tick < -maxBlockRel || tick > 1<<40 {
		return 0, false, fmt.Errorf("%w: it lies before the start", ErrCluster)
	}
	var stop error
	err = blocks(b[timeEnd:], func(track int, rel int64, key bool, payload []byte) error {
		stop = fn(track, tick+rel, key, payload)
		return stop
	})
	if stop == nil && !whole { // what could be read of it is what there is
		err = nil
	}
	return tick, whole, err
}
