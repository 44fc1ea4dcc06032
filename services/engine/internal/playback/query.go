package playback

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"vigie/internal/answer"
)

const (
	defaultDuration = 10_000 // ms
	maxDuration     = 60_000 // ms
	maxSkip         = 256
)

// query is a checked request for media.
type query struct {
	camera, stream  string
	fromMs, untilMs int64
	pictures        bool // made of what is no Motion JPEG
}

func parseQuery(r *http.Request, camera string) (query, error) {
	v := r.URL.Query()
	from, err := instant(v.Get("fromMs"), "fromMs")
	if err != nil {
		return query{}, err
	}
	duration := int64(defaultDuration)
	if s := v.Get("durationMs"); s != "" {
		if duration, err = strconv.ParseInt(s, 10, 64); err != nil || duration < 1 || duration > maxDuration {
			return query{}, answer.Field("durationMs", "bad_duration", "durationMs must be between 1 and 60000.")
		}
	}
	format := cmp.Or(v.Get("format"), "mp4")
	if format != "mp4" && format != "mjpeg" {
		return query{}, answer.Field("format", "bad_format", "format must be mp4 or mjpeg.")
	}
	stream, err := streamName(v.Get("stream"))
	return query{camera: camera, stream: stream, fromMs: from, untilMs: from + duration, pictures: format == "mjpeg"}, err
}

// picture is a checked request for a keyframe.
type picture struct {
	camera, stream string
	atMs           int64
	skip           int
	format         string // mp4, annexb, jpeg
	width          int    // of a JPEG at most; 0: that of the video
}

// maxWidth is the widest JPEG that can be asked for.
const maxWidth = 8192

func parsePicture(r *http.Request, camera string) (picture, error) {
	v := r.URL.Query()
	at, err := instant(v.Get("atMs"), "atMs")
	if err != nil {
		return picture{}, err
	}
	skip := 0
	if s := v.Get("skip"); s != "" {
		if skip, err = strconv.Atoi(s); err != nil || skip < -maxSkip || skip > maxSkip {
			return picture{}, answer.Field("skip", "bad_skip", "skip must be a number of keyframes between -256 and 256.")
		}
	}
	format := cmp.Or(v.Get("format"), "mp4")
	if format != "mp4" && format != "annexb" && format != "jpeg" {
		return picture{}, answer.Field("format", "bad_format", "format must be mp4, annexb or jpeg.")
	}
	width := 0
	if s := v.Get("width"); s != "" {
		if width, err = strconv.Atoi(s); err != nil || width < 16 || width > maxWidth {
			return picture{}, answer.Field("width", "bad_width", "width must be a number of pixels between 16 and 8192.")
		}
	}
	stream, err := streamName(v.Get("stream"))
	return picture{camera: camera, stream: stream, atMs: at, skip: skip, format: format, width: width}, err
}

// instant reads milliseconds since the Unix epoch.
func instant(s, name string) (int64, error) {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond)-maxDuration-1 {
		return 0, answer.Field(name, "bad_time", name+" must be an instant in milliseconds since 1970 in UTC.")
	}
	return ms, nil
}

func streamName(s string) (string, error) {
	s = cmp.Or(s, "main")
	if len(s) > 16 || slices.ContainsFunc([]byte(s), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'z') }) {
		return "", answer.Field("stream", "bad_stream", "There is no such stream; main is the usual one.")
	}
	return s, nil
}
