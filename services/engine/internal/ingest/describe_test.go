package ingest

import (
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
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
				"Sound is not recorded: codec SPEEX is not supported; supported are AAC, Opus, G.711 and G.726.",
				"Video is not recorded: the camera does not say what it consists of.",
				"Sound (AAC) is not recorded: it is packed in a way that is not supported.",
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
