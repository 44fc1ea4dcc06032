package mkv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"vigie/services/engine/internal/media"
)

// Meta is what a segment says about itself besides its tracks.
type Meta struct {
	App        string // program and version
	Appliance  string // name of the machine
	CameraName string
	Kind       string // "standard", "alarm"
	Clock      string // state of the clock when recorded: "synchronised", "unsynchronised"
	UUID       [16]byte
	PrevUUID   [16]byte // of the segment that this one continues; zero: none
	StartNs    int64    // UTC of timestamp 0, ns since the Unix epoch
}

// layout is where the parts of a header lie. Offsets are from the start of the file.
type layout struct {
	segment  int64 // of the Segment's data
	info     int64
	infoData []byte // the Info element's children without CRC, Duration or its placeholder included
	duration int    // offset of Duration or its placeholder in infoData
	tags     int64
	tracks   int64
	clusters int64 // of the first cluster
}

// durationSize is the length of a Duration element and of the Void that keeps its place.
const durationSize = 11

// cue is a keyframe that begins a cluster.
type cue struct {
	tick    int64
	cluster int64 // offset in the file
}

// buildHeader makes all that comes before the first cluster, for an open file.
func buildHeader(run *media.Run, m *Meta) ([]byte, *layout, error) {
	var l layout
	var e []byte
	e = appendUint(e, idEBMLVersion, 1)
	e = appendUint(e, idEBMLReadVersion, 1)
	e = appendUint(e, idEBMLMaxIDLength, 4)
	e = appendUint(e, idEBMLMaxSizeLength, 8)
	e = appendString(e, idDocType, "matroska")
	e = appendUint(e, idDocTypeVersion, 4)
	e = appendUint(e, idDocTypeReadVersion, 2)
	b := appendElem(nil, idEBML, e)
	b = appendID(b, idSegment)
	b = appendSize(b, unknownSize, 8)
	l.segment = int64(len(b))
	b = appendVoid(b, frontSize)

	l.info = int64(len(b))
	in := appendUint(nil, idTimestampScale, tickNs)
	l.duration = len(in)
	in = appendVoid(in, durationSize)
	in = appendElem(in, idDateUTC, binary.BigEndian.AppendUint64(nil, uint64(m.StartNs-matroskaEpochNs)))
	in = appendElem(in, idSegmentUUID, m.UUID[:])
	if m.PrevUUID != ([16]byte{}) {
		in = appendElem(in, idPrevUUID, m.PrevUUID[:])
	}
	in = appendString(in, idTitle, m.CameraName)
	in = appendString(in, idMuxingApp, m.App)
	in = appendString(in, idWritingApp, m.App)
	l.infoData = in
	b = appendMaster(b, idInfo, in)

	l.tags = int64(len(b))
	tag := appendElem(nil, idTargets, nil)
	for _, s := range [][2]string{
		{"APPLIANCE", m.Appliance}, {"CAMERA_ID", run.Camera}, {"CAMERA_NAME", m.CameraName},
		{"STREAM", run.Stream}, {"KIND", m.Kind}, {"CLOCK", m.Clock},
	} {
		st := appendString(nil, idTagName, s[0])
		st = appendString(st, idTagLanguage, "und")
		st = appendString(st, idTagString, s[1])
		tag = appendElem(tag, idSimpleTag, st)
	}
	b = appendMaster(b, idTags, appendElem(nil, idTag, tag))

	l.tracks = int64(len(b))
	var tracks []byte
	for i := range run.Tracks {
		t := &run.Tracks[i]
		te, err := trackEntry(t, i, m)
		if err != nil {
			return nil, nil, fmt.Errorf("track %d: %w", i, err)
		}
		tracks = appendElem(tracks, idTrackEntry, te)
	}
	b = appendMaster(b, idTracks, tracks)
	l.clusters = int64(len(b))
	return b, &l, nil
}

func trackEntry(t *media.Track, i int, m *Meta) ([]byte, error) {
	id, private, err := codecID(t)
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write(m.UUID[:])
	h.Write([]byte{byte(i)})
	kind := uint64(2)
	if t.Codec.IsVideo() {
		kind = 1
	}
	b := appendUint(nil, idTrackNumber, uint64(i)+1)
	b = appendUint(b, idTrackUID, h.Sum64()|1)
	b = appendUint(b, idTrackType, kind)
	b = appendUint(b, idFlagLacing, 0)
	b = appendString(b, idLanguage, "und")
	b = appendString(b, idCodecID, id)
	if len(private) > 0 {
		b = appendElem(b, idCodecPrivate, private)
	}
	if t.Codec == media.Opus {
		b = appendUint(b, idCodecDelay, 0)
		b = appendUint(b, idSeekPreRoll, opusPreRollNs)
	}
	if kind == 1 {
		if t.Width <= 0 || t.Height <= 0 {
			return nil, fmt.Errorf("picture of %d x %d", t.Width, t.Height)
		}
		v := appendUint(nil, idPixelWidth, uint64(t.Width))
		v = appendUint(v, idPixelHeight, uint64(t.Height))
		return appendElem(b, idVideo, v), nil
	}
	if t.SampleRate <= 0 || t.Channels <= 0 {
		return nil, fmt.Errorf("audio of %d Hz, %d channels", t.SampleRate, t.Channels)
	}
	a := appendFloat(nil, idSamplingFreq, float64(t.SampleRate))
	a = appendUint(a, idChannels, uint64(t.Channels))
	if code := t.Codec.CodeBits(); code > 0 {
		a = appendUint(a, idBitDepth, uint64(code))
	}
	return appendElem(b, idAudio, a), nil
}

// Patch is bytes to be written at an offset of a file.
type Patch struct {
	Offset int64
	Data   []byte
}

// closing returns what turns an open file that ends at size into a closed one, in the order in which it is to be written.
func (l *layout) closing(cues []cue, durationTicks, size int64, videoTrack int) []Patch {
	front := l.front(cues, videoTrack)
	in := bytes.Clone(l.infoData)
	copy(in[l.duration:], appendFloat(nil, idDuration, float64(durationTicks)))
	segSize := appendSize(nil, uint64(size-l.segment), 8)
	return []Patch{
		{l.segment, front},
		{l.info, appendMaster(nil, idInfo, in)},
		{l.segment - 8, segSize},
	}
}

// front builds SeekHead, Cues and what is left of the Void. More keyframes than there is room for are thinned out evenly.
func (l *layout) front(cues []cue, videoTrack int) []byte {
	const overhead = 4 + 8 + 6 // Cues' ID, size, CRC
	var c []byte
	for step := 1; ; step *= 2 {
		c = c[:0]
		for i := 0; i < len(cues); i += step {
			p := appendUint(nil, idCueTrack, uint64(videoTrack)+1)
			p = appendUint(p, idCueClusterPosition, uint64(cues[i].cluster-l.segment))
			pt := appendUint(nil, idCueTime, uint64(cues[i].tick))
			pt = appendElem(pt, idCueTrackPositions, p)
			c = appendElem(c, idCuePoint, pt)
		}
		if len(c) <= frontSize-seekRoom-overhead-9 {
			break
		}
	}
	b := l.seekHead(len(c) > 0)
	if len(c) > 0 {
		b = appendID(b, idCues)
		b = appendSize(b, uint64(len(c)+6), 8)
		b = append(appendCRC(b, c), c...)
	}
	return appendVoid(b, frontSize-len(b))
}

// seekHead is seekRoom bytes long, a Void at its end included.
func (l *layout) seekHead(cues bool) []byte {
	entry := func(b []byte, id uint32, pos int64) []byte {
		s := appendElem(nil, idSeekID, appendID(nil, id))
		s = appendUint(s, idSeekPosition, uint64(pos))
		return appendElem(b, idSeek, s)
	}
	s := entry(nil, idInfo, l.info-l.segment)
	s = entry(s, idTags, l.tags-l.segment)
	s = entry(s, idTracks, l.tracks-l.segment)
	if cues {
		s = entry(s, idCues, seekRoom)
	}
	b := appendMaster(nil, idSeekHead, s)
	return appendVoid(b, seekRoom-len(b))
}
