package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/manifest"
)

// Limits of a request.
const (
	mostCameras  = 128
	longestRange = 31 * 24 * time.Hour
	longestNote  = 256     // characters
	leastSplit   = 1       // minute
	leastBytes   = 1 << 20 // of a file that is split by size
	maxMs        = 1 << 52
)

var errNothing = errors.New("nothing is recorded in this range")

// Unknown refuses what is about an export that is not there.
func Unknown() error {
	return answer.Refuse(http.StatusNotFound, "no_export", "There is no such export; it may have been removed.")
}

func refuseMany() error {
	return answer.Refuse(http.StatusConflict, "too_many", fmt.Sprintf("There are %d exports already, which is the most there can be: remove one first.", mostRows))
}

func refuseNoKey() error {
	p := answer.Refuse(http.StatusServiceUnavailable, "no_key", "There is no data volume yet to keep the signing key on. Connect a disk, or format one on the system page.")
	p.Detail.RetryAfterMs = 5000
	return p
}

// check makes a row of a request.
func (x *Exports) check(q api.ExportRequest, now time.Time) (row, error) {
	r := row{FromMs: q.FromMs, WantedToMs: q.ToMs, ToMs: min(q.ToMs, now.UnixMilli()), Zip: q.Zip, SplitMs: int64(q.SplitMinutes) * 60_000, SplitBytes: q.SplitBytes,
		Note: strings.TrimSpace(q.Note)}
	stream := string(q.Stream)
	switch q.Stream {
	case "":
		stream = string(api.StreamNameMain)
	case api.StreamNameMain, api.StreamNameSub:
	default:
		return r, answer.Field("stream", "bad_stream", "There is no such stream: main or sub.")
	}
	switch q.Container {
	case "", api.ExportContainerMkv:
		r.Container = matroska
	case api.ExportContainerMp4:
		r.Container = mp4File
	default:
		return r, answer.Field("container", "bad_container", "There is no such kind of file: mkv or mp4.")
	}
	switch {
	case len(q.Cameras) == 0:
		return r, answer.Field("cameras", "no_camera", "Choose at least one camera.")
	case len(q.Cameras) > mostCameras:
		return r, answer.Field("cameras", "bad_cameras", fmt.Sprintf("%d cameras are the most that one export can have.", mostCameras))
	case q.FromMs < 0 || q.FromMs > maxMs || q.ToMs > maxMs:
		return r, answer.Field("fromMs", "bad_range", "The range must be given in milliseconds since 1970 in UTC.")
	case q.ToMs <= q.FromMs:
		return r, answer.Field("toMs", "bad_range", "The range ends before it starts.")
	case q.ToMs-q.FromMs > longestRange.Milliseconds():
		return r, answer.Field("toMs", "bad_range", "The range is too long: 31 days at most.")
	case q.SplitMinutes < 0 || q.SplitMinutes > 24*60:
		return r, answer.Field("splitMinutes", "bad_split", fmt.Sprintf("Files can be from %d minute to 24 hours long.", leastSplit))
	case q.SplitBytes != 0 && (q.SplitBytes < leastBytes || q.SplitBytes > 1<<50):
		return r, answer.Field("splitBytes", "bad_split", "Files of less than 1 MiB cannot be asked for.")
	case utf8.RuneCountInString(r.Note) > longestNote:
		return r, answer.Field("note", "bad_note", fmt.Sprintf("The note is too long: %d characters at most.", longestNote))
	case !utf8.ValidString(r.Note) || strings.ContainsFunc(r.Note, unicode.IsControl):
		return r, answer.Field("note", "bad_note", "The note has characters that cannot be shown.")
	}
	for _, id := range q.Cameras {
		name := x.cfg.CameraName(id)
		if name == "" {
			return r, answer.Field("cameras", "no_camera", fmt.Sprintf("There is no camera %.20q, and no recording of one.", id))
		}
		if slices.ContainsFunc(r.Cameras, func(c camera) bool { return c.ID == id }) {
			return r, answer.Field("cameras", "bad_cameras", fmt.Sprintf("The camera %s is there twice.", name))
		}
		r.Cameras = append(r.Cameras, camera{Camera: manifest.Camera{ID: id, Name: name, Stream: stream}})
	}
	if q.Medium != "" {
		list, _ := x.cfg.Media.List()
		i := slices.IndexFunc(list, func(m api.Medium) bool { return m.ID == q.Medium })
		switch {
		case i < 0:
			return r, answer.Field("medium", "no_medium", "There is no such USB disk; it may have been pulled. Plug it in again, or download the export.")
		case list[i].Status == api.MediumStatusEjected:
			return r, answer.Field("medium", "ejected", "This USB disk was ejected. Pull it and plug it in again to use it.")
		}
		r.Medium = &carriage{ID: q.Medium, Name: list[i].Name}
		if most := list[i].FileLimitBytes; most > 0 && (r.SplitBytes == 0 || r.SplitBytes > most) {
			r.SplitBytes = most
		}
	}
	return r, x.found(r)
}

// found makes sure that there is something in a range; else it says what there is instead.
func (x *Exports) found(r row) error {
	for _, c := range r.Cameras {
		list, err := x.cfg.Archive.Footage(c.ID, c.Stream, r.FromMs, r.ToMs)
		if err != nil {
			return fmt.Errorf("look up footage: %w", err)
		}
		if len(list) > 0 {
			return nil
		}
	}
	text := "Nothing of these cameras is recorded in this range."
	if len(r.Cameras) == 1 {
		text = fmt.Sprintf("Nothing of %s is recorded in this range.", r.Cameras[0].Name)
	}
	var near string
	for _, c := range r.Cameras {
		from, to, found, err := x.cfg.Archive.Nearest(c.ID, c.Stream, r.FromMs)
		if err != nil {
			return fmt.Errorf("look up footage: %w", err)
		}
		if found && near == "" {
			near = fmt.Sprintf(" The nearest recording of %s is from %s to %s.", c.Name, x.local(from), x.local(to))
		}
	}
	if near == "" {
		near = " There is no recording of this stream at all."
	}
	return answer.Field("fromMs", "nothing_there", text+near)
}

// local is an instant as people at the appliance read it.
func (x *Exports) local(ms int64) string {
	zone, err := time.LoadLocation(x.cfg.Zone())
	if err != nil {
		zone = time.UTC
	}
	return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04:05 MST")
}

// sentence says to people why an export cannot be made.
func sentence(err error) string {
	switch {
	case errors.Is(err, errNothing):
		return "The recordings in this range cannot be read, or have been deleted: the volume that they are on may not be connected."
	case errors.Is(err, errTooLarge):
		return "This is too much for one export: choose fewer cameras or a shorter range."
	case errors.Is(err, errContainer):
		return "These recordings do not go into MP4 files: choose Matroska, which holds them as they are."
	case errors.Is(err, ErrNoKey):
		return "There is no data volume to keep the signing key on."
	case errors.Is(err, errPlan):
		return "Recordings of this range were deleted or have changed while it was exported. Make the export again for what there still is."
	case errors.Is(err, context.Canceled):
		return "It was stopped before its end."
	}
	return "It could not be read to its end: " + err.Error() + "."
}
