package index

import (
	"vigie/internal/mirror"
)

// maxGapMs bounds how far back a query looks for a gap that reaches into its range.
const maxGapMs = 366 * 24 * 3_600_000

// Get returns a segment by its key.
func (x *Index) Get(k Key) (s Segment, found bool, err error) {
	if err := k.check(); err != nil {
		return Segment{}, false, nil
	}
	err = x.db.View(func(tx *mirror.Tx) error {
		row := k.row()
		v := tx.Get(bucketSegments, row)
		if v == nil {
			return nil
		}
		found = true
		s, err = segmentOf(row, v)
		return err
	})
	return s, found && err == nil, err
}

// Segments returns a camera's segments that overlap [fromMs, toMs), in order of start, limit at most (0: no limit).
func (x *Index) Segments(camera string, fromMs, toMs int64, limit int) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucketSegments, cameraAt(camera, fromMs-MaxDurationMs), cameraAt(camera, toMs)) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			if s.EndMs <= fromMs && s.StartMs < fromMs {
				continue
			}
			out = append(out, s)
			if limit > 0 && len(out) == limit {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// Gaps returns a camera's gaps that overlap [fromMs, toMs), in order of start.
func (x *Index) Gaps(camera string, fromMs, toMs int64) ([]Gap, error) {
	var out []Gap
	err := x.db.View(func(tx *mirror.Tx) error {
		from := fromMs
		for k, v := range tx.Descend(bucketGaps, cameraAt(camera, fromMs-maxGapMs), cameraAt(camera, fromMs)) {
			g, err := gapOf(k, v)
			if err != nil {
				return err
			}
			if g.EndMs > fromMs {
				from = g.StartMs
			}
			break // gaps of a camera follow one another: only the last before can reach in
		}
		for k, v := range tx.Range(bucketGaps, cameraAt(camera, from), cameraAt(camera, toMs)) {
			g, err := gapOf(k, v)
			if err != nil {
				return err
			}
			out = append(out, g)
		}
		return nil
	})
	return out, err
}

// Bounds returns the start of a camera's oldest footage and the end of its newest; found is false when it has none.
func (x *Index) Bounds(camera string) (firstMs, lastMs int64, found bool, err error) {
	err = x.db.View(func(tx *mirror.Tx) error {
		from, to := cameraAt(camera, 0), cameraEnd(camera)
		for k, v := range tx.Range(bucketSegments, from, to) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			firstMs, found = s.StartMs, true
			break
		}
		for k, v := range tx.Descend(bucketSegments, from, to) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			lastMs = max(lastMs, s.EndMs)
			if s.StartMs+MaxDurationMs <= lastMs {
				break // nothing older can end later
			}
		}
		return nil
	})
	return firstMs, lastMs, found, err
}

// Cameras returns the ids of all cameras with at least one segment.
func (x *Index) Cameras() ([]string, error) {
	var out []string
	err := x.db.View(func(tx *mirror.Tx) error {
		var from []byte
		for {
			camera := ""
			for k := range tx.Range(bucketSegments, from, nil) {
				key, err := keyOf(k)
				if err != nil {
					return err
				}
				camera = key.Camera
				break
			}
			if camera == "" {
				return nil
			}
			out = append(out, camera)
			from = cameraEnd(camera)
		}
	})
	return out, err
}

// cameraEnd is the first row behind all rows of a camera.
func cameraEnd(camera string) []byte {
	b := []byte(camera)
	b[len(b)-1]++ // ids are plain ASCII: no overflow
	return b
}
