package relay

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Paths of URLs: live/<camera>/<stream> and recordings/<camera>/<stream>, with /trackID=<n> behind for one media. The stream
// may be left out, and is then the main one.
const (
	liveRoot       = "live"
	recordingsRoot = "recordings"
	trackName      = "trackID="
)

var errAddress = errors.New("no stream has this address")

// address is what a URL names.
type address struct {
	recordings     bool
	camera, stream string
	media          int // 0 picture, 1 sound; -1: the whole stream
	query          url.Values
}

// same tells whether two addresses are of one stream.
func (a address) same(b address) bool {
	return a.recordings == b.recordings && a.camera == b.camera && a.stream == b.stream
}

// parseAddress reads a request's URL.
func parseAddress(u *url.URL) (address, error) {
	a := address{media: -1, stream: "main"}
	if u == nil {
		return a, errAddress
	}
	// Clients that do not know queries put what names the media behind them.
	text, track, found := strings.Cut(u.RawQuery, "/"+trackName)
	var err error
	if a.query, err = url.ParseQuery(text); err != nil {
		return a, errAddress
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if last := parts[len(parts)-1]; !found {
		if track, found = strings.CutPrefix(last, trackName); found {
			parts = parts[:len(parts)-1]
		}
	}
	if found {
		n, err := strconv.ParseUint(track, 10, 1)
		if err != nil {
			return a, errAddress
		}
		a.media = int(n)
	}
	switch {
	case len(parts) == 3:
		a.stream = parts[2]
	case len(parts) != 2:
		return a, errAddress
	}
	switch parts[0] {
	case liveRoot:
	case recordingsRoot:
		a.recordings = true
	default:
		return a, errAddress
	}
	if a.camera = parts[1]; !plain(a.camera) || !plain(a.stream) {
		return a, errAddress
	}
	return a, nil
}

// plain tells whether a name could be that of a camera or stream.
func plain(s string) bool {
	return len(s) > 0 && len(s) <= 16 && !strings.ContainsFunc(s, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}
