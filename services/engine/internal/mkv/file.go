package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"vigie/services/engine/internal/media"
)

// ErrFormat: the file is not one that this package wrote, or its header is damaged.
var ErrFormat = errors.New("not a Vigie recording")

// File is an open segment for reading. It may be used by several goroutines when its reader may.
type File struct {
	r      io.ReaderAt
	size   int64
	run    *media.Run
	meta   Meta
	layout layout
	cues   []cue
	closed bool
	ticks  int64 // Duration, 0 when not known
}

// Open reads the header of a segment of which size bytes count: the whole file, or the part known to be durable when it
// is still being written. The reader must stay open as long as the File is used.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	err := f.readHeader(usualHeader)
	if err != nil {
		f = &File{r: r, size: size}
		err = f.readHeader(maxHeader)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return f, nil
}

// Run describes the tracks; its StartNs is the instant of timestamp 0.
func (f *File) Run() *media.Run { return f.run }

// Meta returns what the segment says about itself.
func (f *File) Meta() Meta { return f.meta }

// Closed tells whether the file was closed in order; then EndNs is known without a Scan.
func (f *File) Closed() bool { return f.closed }

// EndNs is the end of the footage according to a closed file's header, UTC in ns.
func (f *File) EndNs() int64 { return f.meta.StartNs + f.ticks*tickNs }

// readAt reads up to n bytes, fewer at the end.
func (f *File) readAt(off int64, n int) ([]byte, error) {
	n = int(max(min(int64(n), f.size-off), 0))
	b := make([]byte, n)
	k, err := f.r.ReadAt(b, off)
	if err == io.EOF {
		err = nil
	}
	return b[:k], err
}

// readHeader reads the header, of which no more than limit bytes come behind the front.
func (f *File) readHeader(limit int) error {
	b, err := f.readAt(0, 64)
	if err != nil {
		return err
	}
	e, err := parseHead(b)
	if err != nil || e.id != idEBML || e.size < 0 || e.size > int64(len(b)-e.headLen-12) {
		return errors.New("no EBML head")
	}
	docType := ""
	at := e.headLen + int(e.size)
	if err := children(b[e.headLen:at], func(id uint32, data []byte) error {
		if id == idDocType {
			docType = string(data)
		}
		return nil
	}); err != nil {
		return err
	}
	if docType != "matroska" {
		return fmt.Errorf("document type is %q", docType)
	}
	seg, err := parseHead(b[at:])
	if err != nil || seg.id != idSegment || seg.headLen != 12 {
		return errors.New("no Segment")
	}
	f.closed = seg.size >= 0
	f.layout.segment = int64(at + seg.headLen)
	f.layout.info = f.layout.segment + frontSize
	if b, err = f.readAt(f.layout.info, limit); err != nil {
		return err
	}
	for pos := 0; ; {
		e, err := parseHead(b[pos:])
		if err != nil {
			if f.run != nil && len(f.run.Tracks) > 0 { // what follows the Tracks is torn
				break
			}
			return errors.New("header ends early")
		}
		if e.id == idCluster || e.id == idVoid {
			f.layout.clusters = f.layout.info + int64(pos)
			break
		}
		if e.size < 0 || e.size > int64(len(b)-pos-e.headLen) {
			if f.run != nil && len(f.run.Tracks) > 0 {
				break
			}
			return errors.New("header ends early")
		}
		data, ok := checkCRC(b[pos+e.headLen : pos+e.headLen+int(e.size)])
		if !ok && e.id != idInfo {
			return fmt.Errorf("element %X fails its CRC", e.id)
		}
		if f.run == nil {
			f.run = &media.Run{}
		}
		switch e.id {
		case idInfo:
			// Info is rewritten at close: a crash may leave it half done, with all but Duration as it was.
			err = f.parseInfo(data)
			f.closed = f.closed && ok
		case idTags:
			f.layout.tags = f.layout.info + int64(pos)
			err = f.parseTags(data)
		case idTracks:
			f.layout.tracks = f.layout.info + int64(pos)
			err = f.parseTracks(data)
		}
		if err != nil {
			return err
		}
		pos += e.headLen + int(e.size)
		f.layout.clusters = f.layout.info + int64(pos)
		if pos >= len(b) {
			break
		}
	}
	if f.run == nil || len(f.run.Tracks) == 0 || f.layout.infoData == nil {
		return errors.New("no Info or Tracks")
	}
	f.run.StartNs = f.meta.StartNs
	f.readCues()
	return nil
}

func (f *File) parseInfo(data []byte) error {
	f.layout.infoData = data
	f.layout.duration = -1
	scale, at := uint64(0), 0
	err := children(data, func(id uint32, d []byte) error {
		total := len(appendID(nil, id)) + sizeLen(uint64(len(d))) + len(d)
		switch id {
		case idTimestampScale:
			scale = parseUint(d)
		case idDuration, idVoid:
			if total == durationSize {
				f.layout.duration = at
			}
			if id == idDuration {
				f.ticks = int64(min(max(parseFloat(d), 0), 1<<40))
			}
		case idDateUTC:
			if len(d) == 8 {
				f.meta.StartNs = int64(binary.BigEndian.Uint64(d)) + matroskaEpochNs
			}
		case idSegmentUUID:
			copy(f.meta.UUID[:], d)
		case idPrevUUID:
			copy(f.meta.PrevUUID[:], d)
		case idMuxingApp:
			f.meta.App = string(d)
		}
		at += total
		return nil
	})
	if err != nil {
		return err
	}
	if scale != tickNs {
		return fmt.Errorf("timestamp scale is %d", scale)
	}
	if f.layout.duration < 0 {
		return errors.New("no room for Duration")
	}
	return nil
}

func (f *File) parseTags(data []byte) error {
	return children(data, func(id uint32, tag []byte) error {
		if id != idTag {
			return nil
		}
		return children(tag, func(id uint32, simple []byte) error {
			if id != idSimpleTag {
				return nil
			}
			var name, value string
			if err := children(simple, func(id uint32, d []byte) error {
				switch id {
				case idTagName:
					name = string(d)
				case idTagString:
					value = string(d)
				}
				return nil
			}); err != nil {
				return err
			}
			switch name {
			case "APPLIANCE":
				f.meta.Appliance = value
			case "CAMERA_ID":
				f.run.Camera = value
			case "CAMERA_NAME":
				f.meta.CameraName = value
			case "STREAM":
				f.run.Stream = value
			case "KIND":
				f.meta.Kind = value
			case "CLOCK":
				f.meta.Clock = value
			}
			return nil
		})
	})
}

func (f *File) parseTracks(data []byte) error {
	return children(data, func(id uint32, entry []byte) error {
		if id != idTrackEntry {
			return nil
		}
		var t media.Track
		var codec string
		var private []byte
		if err := children(entry, func(id uint32, d []byte) error {
			switch id {
			case idTrackNumber:
				if n := parseUint(d); n != uint64(len(f.run.Tracks))+1 {
					return fmt.Errorf("track number %d out of order", n)
				}
			case idCodecID:
				codec = string(d)
			case idCodecPrivate:
				private = d
			case idVideo:
				return children(d, func(id uint32, d []byte) error {
					switch id {
					case idPixelWidth:
						t.Width = int(min(parseUint(d), 1<<16))
					case idPixelHeight:
						t.Height = int(min(parseUint(d), 1<<16))
					}
					return nil
				})
			case idAudio:
				return children(d, func(id uint32, d []byte) error {
					switch id {
					case idSamplingFreq:
						t.SampleRate = int(min(max(parseFloat(d), 0), 1<<20))
					case idChannels:
						t.Channels = int(min(parseUint(d), 255))
					}
					return nil
				})
			}
			return nil
		}); err != nil {
			return err
		}
		if err := setCodec(&t, codec, private); err != nil {
			return fmt.Errorf("track %d: %w", len(f.run.Tracks)+1, err)
		}
		if t.ClockRate = 90000; !t.Codec.IsVideo() {
			if t.ClockRate = t.SampleRate; t.SampleRate < 1 || t.Channels < 1 {
				return fmt.Errorf("track %d: audio of %d Hz, %d channels", len(f.run.Tracks)+1, t.SampleRate, t.Channels)
			}
		}
		f.run.Tracks = append(f.run.Tracks, t)
		return nil
	})
}

// readCues takes the Cues, if they are there and intact; without them seeking walks the clusters.
func (f *File) readCues() {
	if !f.closed {
		return
	}
	b, err := f.readAt(f.layout.segment, frontSize)
	if err != nil {
		return
	}
	var cues []cue
	if children(b, func(id uint32, data []byte) error {
		if id != idCues {
			return nil
		}
		data, ok := checkCRC(data)
		if !ok {
			return errEBML
		}
		return children(data, func(id uint32, point []byte) error {
			c := cue{cluster: -1}
			if err := children(point, func(id uint32, d []byte) error {
				switch id {
				case idCueTime:
					c.tick = int64(min(parseUint(d), 1<<40))
				case idCueTrackPositions:
					return children(d, func(id uint32, d []byte) error {
						if id == idCueClusterPosition {
							c.cluster = f.layout.segment + int64(min(parseUint(d), 1<<50))
						}
						return nil
					})
				}
				return nil
			}); err != nil {
				return err
			}
			if c.cluster < f.layout.clusters || c.cluster >= f.size {
				return errEBML
			}
			cues = append(cues, c)
			return nil
		})
	}) == nil {
		f.cues = cues
	}
}
