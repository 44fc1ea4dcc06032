package ingest

import (
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/sdp"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
)

// TestDescriptionsAsCamerasWriteThem: each odd one costs nothing of what can be decoded, by our reader and by the library's.
func TestDescriptionsAsCamerasWriteThem(t *testing.T) {
	t.Parallel()
	for _, name := range rtspcam.QuirkNames() {
		if !strings.HasPrefix(name, "sdp-") {
			continue
		}
		video, audio, want, left := content.H264, &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}, media.PCMU, []string(nil)
		switch {
		case strings.HasPrefix(name, "sdp-mpeg4"):
			video = content.MPEG4
		case strings.HasPrefix(name, "sdp-latm"):
			audio, want = &content.Audio{Codec: content.LATM, SampleRate: 48000, Channels: 1}, media.AAC
		case strings.HasPrefix(name, "sdp-aac"):
			audio, want = &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}, media.AAC
		case strings.HasPrefix(name, "sdp-opus"):
			audio, want = &content.Audio{Codec: content.Opus, SampleRate: 48000, Channels: 1}, media.Opus
		case name == "sdp-strange-medias":
			left = []string{
				"Another sound is not recorded: codec SPEEX is not supported; supported are AAC, Opus, G.711 and G.726.",
				"Another video is not recorded: the camera does not say what it consists of.",
				"Another sound (AAC) is not recorded: it is packed in a way that is not supported.",
			}
		}
		for _, transport := range []api.Transport{api.TransportTCP, api.TransportUDP} {
			t.Run(name+" "+string(transport), func(t *testing.T) {
				t.Parallel()
				server, cam := simulated(t, rtspcam.Transports{UDP: true}, func(cfg *rtspcam.Config) {
					cfg.Video.Codec, cfg.Audio = video, audio
					cfg.Quirks = rtspcam.Quirks{SDP: name}
				})
				r := start(t, server.URL(cam), func(i *Ingest) { i.ways = waysTo(server.URL(cam), transport) })
				got := r.frames(t, func(got []*media.Frame) bool { return len(ofTrack(got, 0)) >= 40 && len(ofTrack(got, 1)) >= 25 })
				checkOrder(t, got)
				if tracks := got[0].Run.Tracks; len(tracks) != 2 || tracks[1].Codec != want {
					t.Errorf("tracks %+v", tracks)
				}
				if s := r.Stream(); s.LostFrames != 0 || !slices.Equal(s.LeftOut, left) {
					t.Errorf("%d lost, left out: %q", s.LostFrames, s.LeftOut)
				}
			})
		}
	}
}

// A camera that offers two codecs as one media turns from one to the other without a word.
func TestACodecThatChangesInMidStreamBeginsARunAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, transport := range []api.Transport{api.TransportTCP, api.TransportUDP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			server, cam := simulated(t, rtspcam.Transports{UDP: true}, func(cfg *rtspcam.Config) {
				other := *cfg.Video
				other.Codec = content.MJPEG
				cfg.Other = &other
			})
			r := start(t, server.URL(cam), func(i *Ingest) { i.ways = waysTo(server.URL(cam), transport) })
			seen := map[media.Codec]int{}
			read := 0
			got := r.frames(t, func(got []*media.Frame) bool {
				for ; read < len(got); read++ {
					if f := got[read]; f.Track == 0 {
						seen[f.Run.Tracks[0].Codec]++
					}
				}
				return seen[media.H264] > 10 && seen[media.MJPEG] > 10
			})
			checkOrder(t, got)
			for i, f := range ofTrack(got, 0)[1:] {
				before := ofTrack(got, 0)[i]
				if d := f.TimeNs() - before.TimeNs(); d < 30e6 || d > 50e6 {
					t.Errorf("frame %d comes %d ns after the one before", i+1, d)
				}
			}
			if s := r.Stream(); s.LostFrames != 0 || s.Reconnects != 0 {
				t.Errorf("state %+v", s)
			}
		})
	}
}

// TestWhatIsLeftOutIsSaid: where nothing of the kind can be recorded, and where something else is.
func TestWhatIsLeftOutIsSaid(t *testing.T) {
	const video, pcm = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n", "m=audio 0 RTP/AVP 0\n"
	const speex = "m=audio 0 RTP/AVP 99\na=rtpmap:99 speex/16000\n"
	for _, c := range []struct {
		name, text string
		silent     bool
		want       string
	}{
		{"all is taken", video + pcm, false, ""},
		{"no sound that is supported", video + speex, false, "Sound is not recorded: codec SPEEX is not supported; supported are AAC, Opus, G.711 and G.726."},
		{"the same twice", video + pcm + speex + speex, false, "Another sound is not recorded: codec SPEEX is not supported; supported are AAC, Opus, G.711 and G.726."},
		{"sound is not asked for", video + speex, true, ""},
		{"strange sound", video + "m=audio 0 RTP/AVP 97\na=rtpmap:97 PCMU/8000/99\n", false, "Sound (PCMU) is not recorded: its sampling rate or number of channels is not supported."},
		{"a second video", video + "m=video 0 RTP/AVP 97\na=rtpmap:97 VP8/90000\n", false,
			"Another video is not recorded: codec VP8 is not supported; supported are H.264, H.265, MPEG-4 part 2 and Motion JPEG."},
		{"metadata is neither", video + "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\n", false, ""},
	} {
		u, err := base.ParseURL("rtsp://192.0.2.7/stream")
		if err != nil {
			t.Fatal(err)
		}
		desc, err := sdp.Read([]byte(c.text), nil, u)
		if err != nil {
			t.Fatal(err)
		}
		got, err := choose(desc, c.silent)
		if s := strings.Join(got.left, "\n"); err != nil || s != c.want {
			t.Errorf("%s: %v, %q", c.name, err, s)
		}
	}
}
