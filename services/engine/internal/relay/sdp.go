package relay

import (
	"fmt"
	"net/url"
	"strings"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/pack"
)

// describe writes a session description (RFC 8866) of a stream at a URL. tracks are picture and sound, nil what there is not;
// span is what a=range says.
func describe(at *url.URL, title, span string, tracks [2]*media.Track) ([]byte, error) {
	base := *at
	base.Path = strings.TrimRight(base.Path, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=%s\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:%s\r\na=range:%s\r\n", title, base.String(), span)
	for m, t := range tracks {
		if t == nil {
			continue
		}
		d, err := pack.Describe(t)
		if err != nil {
			return nil, err
		}
		one := base
		one.Path += fmt.Sprintf("/%s%d", trackName, m)
		fmt.Fprintf(&b, "m=%s 0 RTP/AVP %d\r\na=rtpmap:%d %s\r\n", d.Media, d.Type, d.Type, d.Map)
		if d.FMTP != "" {
			fmt.Fprintf(&b, "a=fmtp:%d %s\r\n", d.Type, d.FMTP)
		}
		fmt.Fprintf(&b, "a=control:%s\r\na=recvonly\r\n", one.String())
		if strings.HasPrefix(strings.Trim(base.Path, "/"), recordingsRoot) {
			fmt.Fprintf(&b, "a=x-onvif-track:%s\r\n", strings.ToUpper(d.Media)+"001")
		}
	}
	return []byte(b.String()), nil
}
