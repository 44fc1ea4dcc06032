package index

import (
	"cmp"
	"slices"
	"strings"

	"vigie/internal/mirror"
)

// Span is footage of one stream and kind without a hole that matters.
type Span struct {
	Stream  string
	Kind    Kind
	StartMs int64
	EndMs   int64
}

// Spans returns a camera's footage that overlaps [fromMs, toMs), what is less than resolutionMs apart merged, in order of
// start. Volumes and duplicates do not show.
func (x *Index) Spans(camera string, fromMs, toMs, resolutionMs int64) ([]Span, error) {
	var list []Span
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			begun := false
			stream, _ := Original(g.stream)
			return each(tx, g, bucket, fromMs, toMs, func(s Segment) bool {
				if last := len(list) - 1; begun && s.StartMs-list[last].EndMs < resolutionMs {
					list[last].EndMs = max(list[last].EndMs, s.EndMs)
				} else {
					list = append(list, Span{stream, g.kind, s.StartMs, s.EndMs})
					begun = true
				}
				return true
			})
		})
	})
	return Merge(list, resolutionMs), err
}

// Merge joins spans of the same stream and kind that are less than resolutionMs apart, and puts them in order of start.
func Merge(list []Span, resolutionMs int64) []Span {
	slices.SortFunc(list, func(a, b Span) int {
		return cmp.Or(strings.Compare(a.Stream, b.Stream), strings.Compare(string(a.Kind), string(b.Kind)), cmp.Compare(a.StartMs, b.StartMs))
	})
	out := list[:0]
	for _, s := range list {
		if last := len(out) - 1; last >= 0 && out[last].Stream == s.Stream && out[last].Kind == s.Kind && s.StartMs-out[last].EndMs < resolutionMs {
			out[last].EndMs = max(out[last].EndMs, s.EndMs)
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), strings.Compare(a.Stream, b.Stream), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	return out
}

// Kinds tells for each of some spans of time, given by the instants between them, which kinds a camera has footage of. It
// costs a few rows a span and group, however much footage there is.
func (x *Index) Kinds(camera string, instants []int64) ([]map[Kind]bool, error) {
	out := make([]map[Kind]bool, max(len(instants)-1, 0))
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			for i := range out {
				if out[i][g.kind] {
					continue
				}
				found, err := overlaps(tx, g, bucket, instants[i], instants[i+1])
				if err != nil {
					return err
				}
				if found {
					if out[i] == nil {
						out[i] = map[Kind]bool{}
					}
					out[i][g.kind] = true
				}
			}
			return nil
		})
	})
	return out, err
}

// overlaps tells whether any segment of a group overlaps [fromMs, toMs): first those that begin in it, for nearly always
// one does.
func overlaps(tx *mirror.Tx, g group, bucket string, fromMs, toMs int64) (bool, error) {
	for range tx.Range(bucket, timeKey(fromMs), endKey(toMs)) {
		return true, nil
	}
	for k, v := range tx.Descend(bucket, timeKey(max(fromMs-MaxDurationMs, 0)), timeKey(fromMs)) {
		s, err := g.segmentOf(k, v)
		if err != nil || s.EndMs > fromMs {
			return err == nil, err
		}
	}
	return false, nil
}

// LedgerBounds returns when a stream's standard recording begins and ends, as segments, duplicates among them, and gaps
// tell; found is false when there is no row.
func (x *Index) LedgerBounds(camera, stream string) (firstMs, lastMs int64, found bool, err error) {
	note := func(startMs, endMs int64) {
		if !found || startMs < firstMs {
			firstMs = startMs
		}
		lastMs, found = max(lastMs, endMs), true
	}
	err = x.db.View(func(tx *mirror.Tx) error {
		if err := groups(tx, prefixSegments+camera+"/"+string(Standard)+"/", func(g group, bucket string) error {
			if original, _ := Original(g.stream); original != stream {
				return nil
			}
			start, ok, err := firstStart(tx, bucket)
			if err != nil || !ok {
				return err
			}
			for k, v := range tx.Descend(bucket, nil, nil) {
				s, err := g.segmentOf(k, v)
				if err != nil {
					return err
				}
				note(start, s.EndMs)
				if s.StartMs+MaxDurationMs <= lastMs {
					break
				}
			}
			return nil
		}); err != nil {
			return err
		}
		bucket := gapBucket(camera, stream)
		for k, v := range tx.Range(bucket, nil, nil) {
			g, err := gapOf(camera, stream, k, v)
			if err != nil {
				return err
			}
			note(g.StartMs, g.StartMs)
			break
		}
		for k, v := range tx.Descend(bucket, nil, nil) {
			g, err := gapOf(camera, stream, k, v)
			if err != nil {
				return err
			}
			note(g.StartMs, g.EndMs)
			break
		}
		return nil
	})
	return firstMs, lastMs, found, err
}

// Streams returns the names of the streams of a camera that have a row of standard recording.
func (x *Index) Streams(camera string) ([]string, error) {
	var out []string
	add := func(stream string) {
		if !slices.Contains(out, stream) {
			out = append(out, stream)
		}
	}
	err := x.db.View(func(tx *mirror.Tx) error {
		prefix := gapBucket(camera, "")
		for bucket := range tx.Buckets(prefix) {
			for range tx.Range(bucket, nil, nil) {
				add(strings.TrimPrefix(bucket, prefix))
				break
			}
		}
		return groups(tx, prefixSegments+camera+"/"+string(Standard)+"/", func(g group, _ string) error {
			original, _ := Original(g.stream)
			add(original)
			return nil
		})
	})
	slices.Sort(out)
	return out, err
}

// Ledger names what gaps belong to: a stream of a camera.
type Ledger struct{ Camera, Stream string }

// Ledgers returns the streams that have a row of standard recording.
func (x *Index) Ledgers() ([]Ledger, error) {
	var out []Ledger
	err := x.db.View(func(tx *mirror.Tx) error {
		for bucket := range tx.Buckets(prefixGaps) {
			if camera, stream, ok := strings.Cut(strings.TrimPrefix(bucket, prefixGaps), "/"); ok {
				out = append(out, Ledger{camera, stream})
			}
		}
		return groups(tx, prefixSegments, func(g group, _ string) error {
			original, _ := Original(g.stream)
			if l := (Ledger{g.camera, original}); g.kind == Standard && !slices.Contains(out, l) {
				out = append(out, l)
			}
			return nil
		})
	})
	return out, err
}

// LastGap returns the newest gap of a stream.
func (x *Index) LastGap(camera, stream string) (g Gap, found bool, err error) {
	err = x.db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Descend(gapBucket(camera, stream), nil, nil) {
			g, err = gapOf(camera, stream, k, v)
			found = err == nil
			return err
		}
		return nil
	})
	return g, found, err
}
