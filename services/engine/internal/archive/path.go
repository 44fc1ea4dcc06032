package archive

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vigie/services/engine/internal/index"
)

const (
	recDir  = "vigie/rec"
	openExt = ".open.mkv"
	ext     = ".mkv"
)

// dayDir is the folder of a segment, relative to the volume.
func dayDir(k index.Key) string {
	return filepath.Join(recDir, k.Camera, time.UnixMilli(k.StartMs).UTC().Format("20060102"))
}

func openPath(k index.Key) string {
	return filepath.Join(dayDir(k), strconv.FormatInt(k.StartMs, 10)+"-"+string(k.Kind)+"-"+k.Stream+openExt)
}

func closedPath(k index.Key, durationMs int64) string {
	return filepath.Join(dayDir(k), strconv.FormatInt(k.StartMs, 10)+"-"+strconv.FormatInt(durationMs, 10)+"-"+string(k.Kind)+"-"+k.Stream+ext)
}

// relPath is where an indexed segment's file is, relative to its volume. A suspect one was never renamed.
func relPath(s index.Segment) string {
	if s.Suspect {
		return openPath(s.Key)
	}
	return closedPath(s.Key, s.EndMs-s.StartMs)
}

// parseName reads a file name in a camera's folder; ok is false for what is not a segment's.
func parseName(camera, name string) (k index.Key, durationMs int64, open, ok bool) {
	stem, open := strings.CutSuffix(name, openExt)
	if !open {
		if stem, ok = strings.CutSuffix(name, ext); !ok {
			return k, 0, false, false
		}
	}
	p := strings.Split(stem, "-")
	if !open {
		if len(p) != 4 {
			return k, 0, false, false
		}
		d, err := strconv.ParseInt(p[1], 10, 64)
		if err != nil || d < 0 || d > index.MaxDurationMs || strconv.FormatInt(d, 10) != p[1] {
			return k, 0, false, false
		}
		durationMs = d
		p = append(p[:1], p[2:]...)
	}
	if len(p) != 3 {
		return k, 0, false, false
	}
	k, err := index.ParseID(camera + "-" + strings.Join(p, "-"))
	return k, durationMs, open, err == nil
}
