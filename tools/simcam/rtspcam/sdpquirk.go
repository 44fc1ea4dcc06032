package rtspcam

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

// sdpQuirks are ways of describing a stream other than well. Each takes the description of a camera, and gives it as others
// have been seen to.
func sdpQuirks() map[string]func(text string) string {
	swap := func(pattern, with string) func(string) string {
		re := regexp.MustCompile(pattern)
		return func(text string) string { return re.ReplaceAllString(text, with) }
	}
	return map[string]func(string) string{
		// MPEG-4 part 2 that leaves out the headers of sequence and object.
		"sdp-mpeg4-without-sequence": swap(`(?i)config=000001b0.*?(00000100|00000120)`, "config=$1"),
		"sdp-broken-sets":            swap(`(sprop-parameter-sets|sprop-sps|config)=[^;\r]*`, "$1=%%%"),
		// LATM that has its configuration in the description, and does not say that there is none in band.
		"sdp-latm-without-cpresent": swap(`cpresent=0;? ?`, ""),
		"sdp-latm-with-cpresent":    swap(`cpresent=0`, "cpresent=1"),
		"sdp-opus-without-channels": swap(`(?i)opus/48000/2`, "opus/48000"),
		"sdp-aac-without-config":    swap(`config=[0-9A-Fa-f]*;? ?`, ""),
		"sdp-aac-wrong-streamtype":  swap(`streamtype=5`, "streamtype=4"),
		"sdp-without-clock-rates":   swap(`(a=rtpmap:\d+ [A-Za-z0-9-]+)/[0-9/]+`, "$1"),
		"sdp-wrong-clock-rate":      swap(`(a=rtpmap:\d+ H26[45])/90000`, "$1/25"),
		"sdp-packetization-mode-0":  swap(`packetization-mode=1`, "packetization-mode=0"),
		"sdp-packetization-unsaid":  swap(`packetization-mode=1;? ?`, ""),
		"sdp-strange-medias": func(text string) string {
			head, medias, _ := strings.Cut(text, "\r\nm=")
			return "no line of SDP\r\n" + head + "\r\na=key-mgmt:mikey %%%\r\nb=XX:many\r\na=group:FEC 1 2\r\n" +
				"m=image 0 udptl t38\r\n" + // neither kind nor protocol of RTP
				"m=video 0 RTP/AVP\r\na=control:nothing\r\n" +
				"m=audio 0 RTP/AVP 98\r\na=rtpmap:98 MPEG4-GENERIC/0\r\na=fmtp:98 mode=CELP-cbr\r\na=control:celp\r\n" +
				"m=audio 0 RTP/AVP 99\r\na=rtpmap:99 speex/16000\r\na=control:speex\r\na=mid:two words\r\n" +
				"m=application 0 TCP/RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:meta\r\nq=what\r\n" +
				"m=" + medias
		},
	}
}

// describe puts a description in the camera's own way.
func (c *Camera) describe(text []byte, local net.Addr) []byte {
	out := string(text)
	if change := sdpQuirks()[c.cfg.Quirks.SDP]; change != nil {
		out = change(out)
	}
	if host, _, err := net.SplitHostPort(local.String()); err == nil && c.server.Transports.SourceFilter {
		head, medias, _ := strings.Cut(out, "\r\nm=")
		out = fmt.Sprintf("%s\r\na=source-filter: incl IN IP4 * %s\r\nm=%s", head, host, medias)
	}
	return []byte(out)
}
