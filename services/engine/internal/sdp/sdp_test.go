package sdp

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

const head = "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=Session\nc=IN IP4 0.0.0.0\nt=0 0\na=control:*\n"

const avc = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1; profile-level-id=64000C; " +
	"sprop-parameter-sets=Z2QADKw7ULBLQgAAAwACAAADAD0I,aO48gA==\na=control:trackID=0\n"

// described are descriptions, and what is to be made of them: the formats of each media, as RTPMap has them, and what is left out.
var described = []struct {
	name, text string
	want       string
	left       string
	check      func(t *testing.T, s *Session)
}{
	{name: "usual", text: head + avc + "m=audio 0 RTP/AVP 8\na=control:trackID=1\n", want: "video H264/90000, audio PCMA/8000",
		check: func(t *testing.T, s *Session) {
			f := s.Medias[0].Formats[0].(*format.H264)
			if len(f.SPS) == 0 || len(f.PPS) == 0 || f.PacketizationMode != 1 || s.Medias[0].Control != "trackID=0" || s.Medias[0].Profile != headers.TransportProfileAVP {
				t.Errorf("%+v", f)
			}
		}},
	{name: "no lines before the medias, returns only, rubbish", text: strings.ReplaceAll("hello\n\x00\x01\nx\n"+avc+"z=\nq=x\n=\n", "\n", "\r"), want: "video H264/90000"},
	{name: "broken parameter sets", text: strings.ReplaceAll(avc, "Z2QA", "Z2Q%"), want: "video H264/90000",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.H264); f.SPS != nil || f.PPS != nil {
				t.Errorf("%+v", f)
			}
		}},
	{name: "start codes before parameter sets, PPS first, no padding", want: "video H264/90000",
		text: strings.ReplaceAll(avc, "Z2QADKw7ULBLQgAAAwACAAADAD0I,aO48gA==", "AAAAAWjuPIA,AAAAAWdkAAysO1CwS0IAAAMAAgAAAwA9CA"),
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.H264); len(f.PPS) != 4 || len(f.SPS) != 21 {
				t.Errorf("%x %x", f.SPS, f.PPS)
			}
		}},
	{name: "no clock rate", text: strings.ReplaceAll(avc, "H264/90000", "h264"), want: "video H264/90000"},
	{name: "wrong clock rate", text: strings.ReplaceAll(avc, "H264/90000", "H264 / 1000"), want: "video H264/90000"},
	{name: "payload type of another", text: strings.ReplaceAll(avc, "96", "72"), want: "video H264/90000",
		check: func(t *testing.T, s *Session) {
			if n := s.Medias[0].Formats[0].PayloadType(); n != 72 {
				t.Errorf("payload type %d", n)
			}
		}},
	{name: "payload type not named in the media's line", text: strings.ReplaceAll(avc, "RTP/AVP 96", "RTP/AVP smart/1/90000"), want: "video H264/90000"},
	{name: "packetization mode unsaid", text: strings.ReplaceAll(avc, "packetization-mode=1; ", ""), want: "video H264/90000",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.H264); f.PacketizationMode != 1 {
				t.Errorf("%+v", f)
			}
		}},
	{name: "packetization mode 2", text: strings.ReplaceAll(avc, "mode=1", "mode=2"), left: "video H.264 its packets are interleaved (packetization mode 2), which is not supported"},
	{name: "H.265 by its other name, with sets that are none", want: "video H265/90000",
		text: "m=video 0 RTP/AVP 98\na=rtpmap:98 HEVC/90000\na=fmtp:98 sprop-vps=!!!;sprop-sps=QgE=;sprop-pps=RAE=\n"},
	{name: "interleaved H.265", left: "video H.265 its packets are interleaved (sprop-max-don-diff), which is not supported",
		text: "m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:98 sprop-max-don-diff=2\n"},
	{name: "MPEG-4 without headers of the sequence", want: "video MP4V-ES/90000",
		text: "m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\na=fmtp:96 profile-level-id=1;config=00000100000001200086C40FA28A021E0A21\n",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.MPEG4Video); len(f.Config) != 18 {
				t.Errorf("%x", f.Config)
			}
		}},
	{name: "MPEG-4 with half a byte", want: "video MP4V-ES/90000", text: "m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\na=fmtp:96 config=0000010;profile-level-id=x\n"},
	{name: "JPEG, by its number and by name", text: "m=video 0 RTP/AVP 26\nm=video 0 RTP/AVP 97\na=rtpmap:97 JPEG/90000\n", want: "video JPEG/90000, video JPEG/90000"},
	{name: "several formats", text: head + "m=video 0 RTP/AVP 96 110\na=rtpmap:96 H264/90000\na=rtpmap:110 H265/90000\n", want: "video H264/90000 H265/90000"},
	{name: "Opus without channels", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 opus/48000\n", want: "audio opus/48000/2",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.Opus); f.ChannelCount != 1 {
				t.Errorf("%+v", f)
			}
		}},
	{name: "Opus in stereo", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 OPUS/48000/1\na=fmtp:97 sprop-stereo=1\n", want: "audio opus/48000/2",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.Opus); f.ChannelCount != 2 {
				t.Errorf("%+v", f)
			}
		}},
	{name: "LATM with a configuration, in band perhaps", want: "audio MP4A-LATM/90000/1",
		text: "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/44100/2\na=fmtp:96 cpresent=1;config=40002420adca00\n",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*LATM); !f.CPresent || f.StreamMuxConfig == nil || f.ClockRate() != 44100 {
				t.Errorf("%+v", f)
			}
		}},
	{name: "LATM in band", text: "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/90000\n", want: "audio MP4A-LATM/90000/1"},
	{name: "LATM without a configuration", text: "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/90000\na=fmtp:96 cpresent=0; config=zz\n",
		left: "audio AAC its description has no usable configuration"},
	{name: "AAC without its lengths, of a wrong stream type", want: "audio mpeg4-generic/16000/1",
		text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\na=fmtp:97 streamtype=4;mode=AAC-hbr;config=1408\n",
		check: func(t *testing.T, s *Session) {
			if f := s.Medias[0].Formats[0].(*format.MPEG4Audio); f.SizeLength != 13 || f.IndexLength != 3 || f.IndexDeltaLength != 3 {
				t.Errorf("%+v", f)
			}
		}},
	{name: "AAC without a configuration", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/48000/2\na=fmtp:97 mode=AAC_hbr\n", want: "audio mpeg4-generic/48000/2"},
	{name: "AAC of which nothing is known", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic\n", left: "audio AAC its description has no usable configuration"},
	{name: "speech in the container of AAC", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/8000\na=fmtp:97 mode=CELP-cbr\n", left: "audio AAC it is packed in a way that is not supported"},
	{name: "G.711 at another rate", text: "m=audio 0 RTP/AVP 97\na=rtpmap:97 PCMU/16000/2\n", want: "audio PCMU/16000/2"},
	{name: "G.711 that says something else", text: "m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/0\n", want: "audio PCMU/8000"},
	{name: "G.726", text: "m=audio 0 RTP/AVP 2\nm=audio 0 RTP/AVP 99\na=rtpmap:99 G726-40/8000/1\n", want: "audio G726-32/8000, audio G726-40/8000"},
	{name: "what is not recorded is named", text: head + avc + "m=audio 0 RTP/AVP 100\na=rtpmap:100 speex/16000\nm=video 0 RTP/AVP 33\nm=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\n",
		want: "video H264/90000, audio SPEEX/16000, video MP2T/90000, application VND.ONVIF.METADATA/90000"},
	{name: "strange medias cost the others nothing", want: "video H264/90000", text: "m=\nm=video\nm=image 0 udptl t38\nm=video 0 RTP/AVP\na=inactive\nm=audio 0 UDP 97\nm=audio 0 RTP/AVP\n" + avc + "a=key-mgmt:mikey !!!\na=mid:x y\n",
		left: "video the line that offers it cannot be understood; video the camera says that it is switched off; audio it does not come as RTP; audio the camera does not say what it consists of"},
	{name: "talking back", text: head + avc + "m=audio 0 RTP/AVP 0\na=sendonly\na=control:back\n", want: "video H264/90000, back audio PCMU/8000"},
	{name: "all are said to be for talking back", text: head + avc + "a=sendonly\n", want: "video H264/90000"},
	{name: "encrypted", text: strings.ReplaceAll(avc, "RTP/AVP", "RTP/SAVP"), want: "video H264/90000", check: func(t *testing.T, s *Session) {
		if s.Medias[0].Profile != headers.TransportProfileSAVP {
			t.Errorf("%+v", s.Medias[0])
		}
	}},
}

func TestWhatCamerasWriteIsUnderstood(t *testing.T) {
	asked, err := base.ParseURL("rtsp://192.0.2.7:554/stream?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range described {
		t.Run(c.name, func(t *testing.T) {
			s, err := Read([]byte(c.text), nil, asked)
			if err != nil {
				t.Fatal(err)
			}
			var medias, left []string
			for _, m := range s.Medias {
				text := string(m.Type)
				if m.IsBackChannel {
					text = "back " + text
				}
				for _, f := range m.Formats {
					text += " " + f.RTPMap()
				}
				medias = append(medias, text)
			}
			for _, l := range s.Left {
				left = append(left, strings.Join(strings.Fields(string(l.Kind)+" "+l.Codec+" "+l.Reason), " "))
			}
			if got := strings.Join(medias, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.Join(left, "; "); got != c.left {
				t.Errorf("left out %s\nwant     %s", got, c.left)
			}
			if c.check != nil && !t.Failed() {
				c.check(t, s)
			}
		})
	}
	for _, text := range []string{"", head, "v=0\nnothing", "{}"} {
		if _, err := Read([]byte(text), nil, asked); err != ErrNothing {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestControlsAreRelativeToTheRightURL(t *testing.T) {
	asked, err := base.ParseURL("rtsp://192.0.2.7:554/asked?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		control string
		base    base.HeaderValue
		want    string
	}{
		{"", nil, "rtsp://192.0.2.7:554/asked?x=1"},
		{"*", nil, "rtsp://192.0.2.7:554/asked?x=1"},
		{"*", base.HeaderValue{"rtsp://192.0.2.7/base/"}, "rtsp://192.0.2.7/base/"},
		{"rtsp://u:p@192.0.2.7/own", base.HeaderValue{"rtsp://192.0.2.7/base/"}, "rtsp://192.0.2.7/own"},
		{"/own", nil, "rtsp://192.0.2.7:554/own"},
		{"%%%", base.HeaderValue{"/base/"}, "rtsp://192.0.2.7:554/base/"},
		{"*", base.HeaderValue{"a", "b"}, "rtsp://192.0.2.7:554/asked?x=1"},
		{"*", base.HeaderValue{"::"}, "rtsp://192.0.2.7:554/asked?x=1"},
	} {
		text := "v=0\n"
		if c.control != "" {
			text += "a=control:" + c.control + "\n"
		}
		s, err := Read([]byte(text+avc), c.base, asked)
		if err != nil || s.BaseURL.String() != c.want {
			t.Errorf("%q, %q: %v, %v", c.control, c.base, s.BaseURL, err)
		}
	}
}

func TestSourcesAreThoseOfTheGroup(t *testing.T) {
	for _, c := range []struct{ session, media, group, want string }{
		{"", "", "232.1.1.1", ""},
		{"incl IN IP4 * 192.0.2.7", "", "232.1.1.1", "192.0.2.7"},
		{" incl IN IP4 232.1.1.1 192.0.2.7 192.0.2.8", "", "232.1.1.1", "192.0.2.7 192.0.2.8"},
		{"incl IN IP4 232.1.1.2 192.0.2.7", "", "232.1.1.1", ""},
		{"incl IN IP4 * 192.0.2.7", "incl IN IP4 232.1.1.1 192.0.2.9", "232.1.1.1", "192.0.2.9"}, // that of the media counts
		{"excl IN IP4 * 192.0.2.7", "", "232.1.1.1", ""},
		{"incl IN IP4 * camera.example", "", "232.1.1.1", ""},
		{"incl IN IP4 * 0.0.0.0 232.1.1.1 192.0.2.7", "", "232.1.1.1", "192.0.2.7"},
		{"incl IN * * 192.0.2.7 2001:db8::7", "", "232.1.1.1", "192.0.2.7"},
		{"incl IN IP4", "incl", "232.1.1.1", ""},
	} {
		text := "v=0\n"
		if c.session != "" {
			text += "a=source-filter:" + c.session + "\n"
		}
		text += avc
		if c.media != "" {
			text += "a=source-filter:" + c.media + "\n"
		}
		s, err := Read([]byte(text), nil, &base.URL{Scheme: "rtsp", Host: "192.0.2.7"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range s.Sources(s.Medias[0], netip.MustParseAddr(c.group)) {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Whatever a camera writes: no more medias and formats than are looked at, each of use, and each left out with a reason.
func FuzzRead(f *testing.F) {
	for _, c := range described {
		f.Add([]byte(c.text), "")
	}
	f.Add([]byte(head+"a=source-filter: incl IN IP4 * 192.0.2.7\na=key-mgmt:mikey AQ==\n"+avc), "/base")
	f.Fuzz(func(t *testing.T, text []byte, contentBase string) {
		asked := &base.URL{Scheme: "rtsp", Host: "192.0.2.7", Path: "/x"}
		s, err := Read(text, base.HeaderValue{contentBase}, asked)
		if err != nil {
			return
		}
		if s.BaseURL == nil || s.BaseURL.User != nil || len(s.Medias) > maxMedias {
			t.Fatalf("%+v", s)
		}
		for _, m := range s.Medias {
			if len(m.Formats) == 0 || len(m.Formats) > maxFormats {
				t.Fatalf("a media of %d formats", len(m.Formats))
			}
			for _, f := range m.Formats {
				if _, err := m.URL(s.BaseURL); err != nil {
					t.Fatalf("control %q: %v", m.Control, err)
				}
				if f.ClockRate() < 1 || f.RTPMap() == "" && f.PayloadType() < 35 && fixed[f.PayloadType()].name != "" {
					t.Fatalf("%T of %d Hz", f, f.ClockRate())
				}
			}
			s.Sources(m, netip.MustParseAddr("232.1.1.1"))
		}
		for _, l := range s.Left {
			if l.Reason == "" || l.Kind != description.MediaTypeVideo && l.Kind != description.MediaTypeAudio {
				t.Fatalf("%+v", l)
			}
		}
	})
}
