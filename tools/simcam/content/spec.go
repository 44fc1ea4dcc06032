// Package content makes what simulated cameras send: loops of encoded video and audio, cut into RTP payloads.
//
// A loop is made once, by Debian's ffmpeg from pictures of package picture, and kept in a cache folder outside the
// tree under the hash of everything that shapes it, so that the next run only reads it. Loops are read-only once
// loaded and may be shared by any number of cameras; a Store may be used from several goroutines.
//
// Every loop starts at a multiple of its length since the Unix epoch: the frame of an instant is a function of that
// instant alone. The package knows nothing of RTSP sessions, stamps or ledgers.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"vigie/tools/simcam/picture"
)

// Video codecs. VP8 is there to test that a recorder refuses it.
const (
	H264  = "h264"
	H265  = "h265"
	MPEG4 = "mpeg4"
	MJPEG = "mjpeg"
	VP8   = "vp8"
)

// Audio codecs.
const (
	AAC  = "aac"
	PCMA = "pcma" // G.711 A-law, 8 kHz mono
	PCMU = "pcmu" // G.711 µ-law, 8 kHz mono
	LATM = "latm" // AAC in the LATM multiplex, described in the session description
	Opus = "opus" // 48 kHz mono

	G726x16 = "g726-16" // G.726 of 16 kbit/s, 8 kHz mono
	G726x24 = "g726-24"
	G726x32 = "g726-32"
	G726x40 = "g726-40"
)

// version changes whenever the same spec gives other bytes.
const version = "5"

// Video describes a loop of video of picture.LoopSeconds.
type Video struct {
	Codec         string
	Width, Height int
	FPS           int // 1 to 100
	GOP           int // frames from keyframe to keyframe
	Bitrate       int // bits per second, held by every GOP to within a few per cent by padding (H.264, H.265; others: about); 0: as the encoder likes
	Label         string
	Camera        int // number in the block code, 0 to 255
}

// Audio describes a loop of audio: a beep at each full second.
type Audio struct {
	Codec      string
	SampleRate int // AAC: 16000, 32000 or 48000; Opus: 48000; G.711, G.726: 8000
	Channels   int // AAC: 1 or 2; others: 1
}

// Check says what is wrong with a spec.
func (v Video) Check() error {
	switch v.Codec {
	case H264, H265, MPEG4, MJPEG, VP8:
	default:
		return fmt.Errorf("video codec %q: want h264, h265, mpeg4, mjpeg or vp8", v.Codec)
	}
	switch {
	case v.Width < 160 || v.Width > 4096 || v.Width%2 != 0 || v.Height < 120 || v.Height > 2304 || v.Height%2 != 0:
		return fmt.Errorf("picture of %d x %d: want even numbers from 160x120 to 4096x2304", v.Width, v.Height)
	case v.Height*5/6 < 6*max(4, v.Width/52):
		return fmt.Errorf("picture of %d x %d: too flat for the block code", v.Width, v.Height)
	case v.FPS < 1 || v.FPS > 100:
		return fmt.Errorf("%d frames per second: want 1 to 100", v.FPS)
	case v.GOP < 1 || v.GOP > picture.LoopSeconds*v.FPS:
		return fmt.Errorf("GOP of %d frames: want 1 to %d", v.GOP, picture.LoopSeconds*v.FPS)
	case v.Bitrate != 0 && (v.Bitrate < 50_000 || v.Bitrate > 100_000_000):
		return fmt.Errorf("%d bit/s: want 50 kbit/s to 100 Mbit/s, or 0", v.Bitrate)
	case v.Camera < 0 || v.Camera > 255:
		return fmt.Errorf("camera number %d: want 0 to 255", v.Camera)
	}
	return nil
}

// Check says what is wrong with a spec.
func (a Audio) Check() error {
	switch a.Codec {
	case AAC, LATM:
		if a.SampleRate != 16000 && a.SampleRate != 32000 && a.SampleRate != 48000 {
			return fmt.Errorf("AAC at %d Hz: want 16000, 32000 or 48000", a.SampleRate)
		}
		if a.Channels != 1 && a.Channels != 2 {
			return fmt.Errorf("AAC with %d channels: want 1 or 2", a.Channels)
		}
	case PCMA, PCMU, G726x16, G726x24, G726x32, G726x40:
		if a.SampleRate != 8000 || a.Channels != 1 {
			return fmt.Errorf("%s at %d Hz with %d channels: want 8000 and 1", a.Codec, a.SampleRate, a.Channels)
		}
	case Opus:
		if a.SampleRate != 48000 || a.Channels != 1 {
			return fmt.Errorf("%s at %d Hz with %d channels: want 48000 and 1", a.Codec, a.SampleRate, a.Channels)
		}
	default:
		return fmt.Errorf("audio codec %q: want aac, latm, opus, pcma, pcmu, g726-16, g726-24, g726-32 or g726-40", a.Codec)
	}
	return nil
}

// Frames is the number of frames in the loop.
func (v Video) Frames() int {
	if v.Codec == VP8 {
		return 2 * v.FPS // enough to be refused
	}
	return picture.LoopSeconds * v.FPS
}

func (v Video) key() string {
	h := sha256.Sum256(fmt.Appendf(nil, "video %s %+v", version, v))
	return hex.EncodeToString(h[:16])
}

func (a Audio) key() string {
	h := sha256.Sum256(fmt.Appendf(nil, "audio %s %+v", version, a))
	return hex.EncodeToString(h[:16])
}

// Number returns the number, counted from the epoch, of the last unit (frame or audio access unit) that begins at
// or before t, at rate units in per.
func Number(t time.Time, rate, per int64) int64 {
	s, ns := t.Unix(), int64(t.Nanosecond())
	// in two steps, since t·rate overflows: whole multiples of per seconds first
	blocks, rest := s/per, s%per
	return blocks*rate + (rest*1e9+ns)*rate/(per*1e9)
}

// Instant returns when unit n begins; the inverse of Number.
func Instant(n, rate, per int64) time.Time {
	blocks, rest := n/rate, n%rate
	ns := (rest*per*1e9 + rate - 1) / rate // rounded up, so that Number(Instant(n)) = n
	return time.Unix(blocks*per+ns/1e9, ns%1e9)
}
