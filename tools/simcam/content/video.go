package content

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/tools/simcam/stamp"
)

// PayloadMax is the largest RTP payload in bytes: what fits in an Ethernet frame with IP, UDP and RTP headers.
const PayloadMax = 1448

// Frame is one access unit as RTP payloads. A stamp belongs between Head and Tail, as a payload of its own; all carry
// one timestamp, and the last of Tail the marker bit.
type Frame struct {
	Keyframe bool
	Head     [][]byte // parameter sets or headers, in keyframes; of Motion JPEG all but the end
	Tail     [][]byte // none of Motion JPEG, where the stamp is the last
	Size     int      // bytes of the access unit without stamp: NAL units, without start codes or lengths
	jpeg     jpegEnd
}

// VideoLoop is a loop ready to be sent.
type VideoLoop struct {
	Spec   Video
	Frames []Frame
	sets   [][]byte // H.264: SPS, PPS; H.265: VPS, SPS, PPS; MPEG-4: configuration
}

// Stampable says whether the codec can carry stamps, and the stamp codec.
func (l *VideoLoop) Stampable() (stamp.Codec, bool) {
	switch l.Spec.Codec {
	case H264:
		return stamp.H264, true
	case H265:
		return stamp.H265, true
	case MPEG4:
		return stamp.MPEG4, true
	case MJPEG:
		return stamp.MJPEG, true
	}
	return 0, false
}

// Format returns a new description of the loop for a session description.
func (l *VideoLoop) Format() format.Format {
	switch l.Spec.Codec {
	case H264:
		return &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: l.sets[0], PPS: l.sets[1]}
	case H265:
		return &format.H265{PayloadTyp: 96, VPS: l.sets[0], SPS: l.sets[1], PPS: l.sets[2]}
	case MPEG4:
		return &format.MPEG4Video{PayloadTyp: 96, ProfileLevelID: 1, Config: l.sets[0]}
	case MJPEG:
		return &format.MJPEG{}
	default:
		return &format.VP8{PayloadTyp: 96}
	}
}

func loadVideo(v Video, b []byte) (*VideoLoop, error) {
	l := &VideoLoop{Spec: v}
	var err error
	switch v.Codec {
	case H264, H265:
		err = l.loadNALUs(b)
	case MPEG4:
		err = l.loadMPEG4(b)
	case MJPEG:
		err = l.loadMJPEG(b)
	case VP8:
		err = l.loadVP8(b)
	}
	if err != nil {
		return nil, err
	}
	if got, want := len(l.Frames), v.Frames(); got != want {
		return nil, fmt.Errorf("%d frames encoded, want %d", got, want)
	}
	return l, nil
}

// nalu type classes, as far as cutting a stream into access units needs them.
const (
	classOther = iota
	classSet
	classSlice
	classKeySlice
)

func classify(codec string, n []byte) (class, index int, first bool) {
	if codec == H264 {
		switch n[0] & 0x1f {
		case 7:
			return classSet, 0, false
		case 8:
			return classSet, 1, false
		case 5:
			return classKeySlice, 0, n[1]&0x80 != 0 // first_mb_in_slice is 0
		case 1:
			return classSlice, 0, n[1]&0x80 != 0
		}
		return classOther, 0, false
	}
	switch typ := n[0] >> 1 & 0x3f; {
	case typ >= 32 && typ <= 34:
		return classSet, int(typ) - 32, false
	case typ >= 16 && typ <= 21:
		return classKeySlice, 0, n[2]&0x80 != 0 // first_slice_segment_in_pic_flag
	case typ < 16:
		return classSlice, 0, n[2]&0x80 != 0
	}
	return classOther, 0, false
}

func (l *VideoLoop) loadNALUs(b []byte) error {
	codec := l.Spec.Codec
	sets := 2
	if codec == H265 {
		sets = 3
	}
	l.sets = make([][]byte, sets)
	type unit struct {
		key    bool
		slices [][]byte
		size   int
	}
	var units []unit
	err := stamp.NALUs(bytes.NewReader(b), func(n []byte) error {
		if len(n) < 3 {
			return errors.New("NAL unit too short")
		}
		class, index, first := classify(codec, n)
		switch class {
		case classSet:
			if l.sets[index] == nil {
				l.sets[index] = bytes.Clone(n)
			} else if !bytes.Equal(l.sets[index], n) {
				return errors.New("parameter sets change within the loop")
			}
		case classSlice, classKeySlice:
			if first {
				units = append(units, unit{key: class == classKeySlice})
			}
			if len(units) == 0 {
				return errors.New("stream does not start with a first slice")
			}
			u := &units[len(units)-1]
			u.slices = append(u.slices, bytes.Clone(n))
			u.size += len(n)
		}
		return nil // the encoder's own SEI, delimiters and filler are left out
	})
	if err != nil {
		return err
	}
	setSize := 0
	for i, s := range l.sets {
		if s == nil {
			return fmt.Errorf("parameter set %d missing", i)
		}
		setSize += len(s)
	}
	if len(units) == 0 || !units[0].key {
		return errors.New("loop does not start with a keyframe")
	}
	padding := make([]int, len(units))
	if l.Spec.Bitrate > 0 {
		for start := 0; start < len(units); {
			end, size := start+1, units[start].size+setSize
			for ; end < len(units) && !units[end].key; end++ {
				size += units[end].size
			}
			want := int(int64(l.Spec.Bitrate) / 8 * int64(end-start) / int64(l.Spec.FPS))
			// the keyframe is large already: padding goes to the others where there are any
			from := start
			if end-start > 1 {
				from++
			}
			for i := from; i < end; i++ {
				padding[i] = (want - size) / (end - from)
			}
			start = end
		}
	}
	sc, _ := l.Stampable()
	for i, u := range units {
		f := Frame{Keyframe: u.key, Size: u.size}
		var head [][]byte
		if u.key {
			head = l.sets
			f.Size += setSize
		}
		body := u.slices
		if p := stamp.AppendPadding(nil, sc, padding[i]); len(p) > 0 {
			body = append([][]byte{p}, body...)
			f.Size += len(p)
		}
		var err error
		if len(head) > 0 {
			if f.Head, err = l.packets(head); err != nil {
				return err
			}
		}
		if f.Tail, err = l.packets(body); err != nil {
			return err
		}
		l.Frames = append(l.Frames, f)
	}
	return nil
}

// packets cuts NAL units into RTP payloads as RFC 6184 or RFC 7798 say.
func (l *VideoLoop) packets(nalus [][]byte) ([][]byte, error) {
	var pkts []*rtp.Packet
	var err error
	if l.Spec.Codec == H264 {
		e, err2 := (&format.H264{PacketizationMode: 1}).CreateEncoder()
		if err2 != nil {
			return nil, err2
		}
		e.PayloadMaxSize = PayloadMax
		pkts, err = e.Encode(nalus)
	} else {
		e, err2 := (&format.H265{}).CreateEncoder()
		if err2 != nil {
			return nil, err2
		}
		e.PayloadMaxSize = PayloadMax
		pkts, err = e.Encode(nalus)
	}
	return payloads(pkts), err
}

func payloads(pkts []*rtp.Packet) [][]byte {
	out := make([][]byte, len(pkts))
	for i, p := range pkts {
		out[i] = p.Payload
	}
	return out
}

func (l *VideoLoop) add(key bool, size int, pkts []*rtp.Packet) {
	l.Frames = append(l.Frames, Frame{Keyframe: key, Tail: payloads(pkts), Size: size})
}

// loadVP8 reads IVF: a header whose length is at byte 6, then per frame 4 bytes of size and 8 of time.
func (l *VideoLoop) loadVP8(b []byte) error {
	e, err := (&format.VP8{}).CreateEncoder()
	if err != nil {
		return err
	}
	if len(b) < 32 || string(b[:4]) != "DKIF" {
		return errors.New("not IVF")
	}
	b = b[binary.LittleEndian.Uint16(b[6:]):]
	for len(b) >= 12 {
		n := int(binary.LittleEndian.Uint32(b))
		if n == 0 || n > len(b)-12 {
			return errors.New("IVF frame cut short")
		}
		frame := b[12 : 12+n]
		pkts, err := e.Encode(frame)
		if err != nil {
			return err
		}
		l.add(frame[0]&1 == 0, n, pkts)
		b = b[12+n:]
	}
	return nil
}
