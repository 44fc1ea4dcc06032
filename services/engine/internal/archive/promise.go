package archive

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// promiseKey names a promise.
type promiseKey struct {
	camera string
	kind   index.Kind
}

// brokenRow is what is kept of a promise that was broken: the youngest recording that was deleted although it was
// promised. The promise is broken until that one would have been past it.
type brokenRow struct {
	EndMs int64 `json:"endMs"`
	AtMs  int64 `json:"atMs"` // when it was deleted
}

// bucketBroken: camera · kind → brokenRow as JSON.
const bucketBroken = "broken-promises"

func (k promiseKey) row() []byte { return []byte(k.camera + string(k.kind)) }

func brokenPromises(tx *mirror.Tx) (map[promiseKey]brokenRow, error) {
	out := map[promiseKey]brokenRow{}
	for k, v := range tx.Range(bucketBroken, nil, nil) {
		var row brokenRow
		if err := json.Unmarshal(v, &row); err != nil || len(k) < 8 {
			return nil, fmt.Errorf("broken promise %q: %w", k, err)
		}
		out[promiseKey{string(k[:8]), index.Kind(k[8:])}] = row
	}
	return out, nil
}

// noteBroken keeps that promised segments are about to be deleted: before they are, so that it is never silent.
func (a *Archive) noteBroken(list []index.Segment, nowMs int64) error {
	if len(list) == 0 {
		return nil
	}
	a.mu.Lock()
	changed := map[promiseKey]brokenRow{}
	for _, s := range list {
		k := promiseKey{s.Camera, s.Kind}
		if s.EndMs > max(a.broke[k].EndMs, changed[k].EndMs) {
			changed[k] = brokenRow{s.EndMs, nowMs}
		}
	}
	a.mu.Unlock()
	err := a.cfg.DB.Update(func(tx *mirror.Tx) error {
		for k, row := range changed {
			b, err := json.Marshal(row)
			if err != nil {
				return err
			}
			if err := tx.Put(bucketBroken, k.row(), b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, row := range changed {
		if _, known := a.broke[k]; !known {
			a.log.Error("promise is broken", "camera", k.camera, "kind", string(k.kind))
		}
		a.broke[k] = row
	}
	return nil
}

// promiseState is how a promise stands; in order of gravity.
type promiseState int

const (
	promiseNone promiseState = iota
	promiseOK
	promiseWarning
	promiseBroken
)

// promise is what a camera was promised for a kind, and how it stands, in words for people.
type promise struct {
	state  promiseState
	reason string
}

// judge tells how a promise of some days stands.
func (a *Archive) judge(k promiseKey, minDays int, bytesPerDay int64, f retention.Foresight, nowMs int64) promise {
	if minDays == 0 {
		return promise{}
	}
	a.mu.Lock()
	broken := a.broke[k]
	a.mu.Unlock()
	var p promise
	switch {
	case nowMs-broken.EndMs < int64(minDays)*retention.DayMs:
		p = promise{promiseBroken, fmt.Sprintf("%d days of %s recordings are promised, but some of the last %s days were deleted: every volume was full of recordings that are promised or protected.",
			minDays, k.kind, days(float64(max(0, broken.AtMs-broken.EndMs))/retention.DayMs))}
	case !f.Holds && bytesPerDay > 0:
		p = promise{promiseWarning, fmt.Sprintf("%d days of %s recordings are promised.", minDays, k.kind)}
	default:
		return promise{state: promiseOK}
	}
	if !f.Holds {
		p.reason += fmt.Sprintf(" At the present rate %s days fit", days(float64(minDays)*f.Share))
		if p.state == promiseWarning && f.Days > 0 {
			p.reason += fmt.Sprintf("; the first that are promised will have to go in about %d days", f.Days)
		}
		p.reason += ". Add a disk, record less or promise less."
	}
	return p
}

// days writes a number of days to a tenth, rounded down: what is said to fit does fit.
func days(d float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(int64(d*10))/10), ".0")
}

// promiseWarnings sums up for the archive as a whole what is wrong with promises.
func promiseWarnings(list []cameraUse) (out []string) {
	for _, c := range []struct {
		state promiseState
		text  string
	}{{promiseBroken, "was not kept"}, {promiseWarning, "will not be kept"}} {
		var names []string
		reason := ""
		for _, u := range list {
			if u.promise.state == c.state {
				names = append(names, u.name)
				reason = u.promise.reason
			}
		}
		slices.Sort(names)
		switch n := len(names); {
		case n == 1:
			out = append(out, fmt.Sprintf("What is promised for camera %s %s: %s", names[0], c.text, reason))
		case n > 1:
			some := strings.Join(names[:min(n, 3)], ", ")
			if n > 3 {
				some += ", …"
			}
			out = append(out, fmt.Sprintf("What is promised for %d cameras (%s) %s: the usage of each camera says more.", n, some, c.text))
		}
	}
	return out
}
