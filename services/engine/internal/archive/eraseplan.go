package archive

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/deletion"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// Deleting by hand takes two calls: PlanDeletion counts, and Delete has done what was counted. Plans live in memory.
const (
	planLasts = 10 * time.Minute
	mostPlans = 32
)

// plans are those that were made lately, the oldest first.
type plans struct {
	mu   sync.Mutex
	list []plan
}

type plan struct {
	id, by string
	made   time.Time
	order  deletion.Order
}

func (p *plans) add(one plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(one.made)
	if len(p.list) >= mostPlans {
		p.list = p.list[1:]
	}
	p.list = append(p.list, one)
}

func (p *plans) drop(now time.Time) {
	p.list = slices.DeleteFunc(p.list, func(one plan) bool { return now.Sub(one.made) > planLasts })
}

// take returns a plan and forgets it.
func (p *plans) take(id, by string, now time.Time) (plan, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(now)
	i := slices.IndexFunc(p.list, func(one plan) bool { return one.id == id && one.by == by })
	if i < 0 {
		return plan{}, false
	}
	one := p.list[i]
	p.list = slices.Delete(p.list, i, i+1)
	return one, true
}

// PlanDeletion counts what would go. A *deletion.Problem says what is wrong with the request.
func (a *Archive) PlanDeletion(r api.DeletionRequest, by string) (api.DeletionPlan, error) {
	now := time.Now()
	o := deletion.Order{By: by, FromMs: r.FromMs, ToMs: r.ToMs}
	for _, c := range r.Cameras {
		if !slices.Contains(o.Cameras, c) {
			o.Cameras = append(o.Cameras, c)
		}
	}
	for _, k := range r.Kinds {
		if k != api.DeletionRequestKinds(index.Standard) && k != api.DeletionRequestKinds(index.Alarm) {
			return api.DeletionPlan{}, &deletion.Problem{Field: "kinds", Code: "bad_kind", Message: "Only standard and alarm recordings can be deleted."}
		}
		if !slices.Contains(o.Kinds, string(k)) {
			o.Kinds = append(o.Kinds, string(k))
		}
	}
	switch {
	case len(o.Cameras) == 0:
		return api.DeletionPlan{}, &deletion.Problem{Field: "cameras", Code: "no_camera", Message: "Choose one camera at least."}
	case len(o.Kinds) == 0:
		return api.DeletionPlan{}, &deletion.Problem{Field: "kinds", Code: "bad_kind", Message: "Choose standard or alarm recordings, or both."}
	case o.FromMs < 0 || o.ToMs <= o.FromMs:
		return api.DeletionPlan{}, &deletion.Problem{Field: "toMs", Code: "bad_range", Message: "The end must lie after the start."}
	case o.ToMs > now.UnixMilli():
		return api.DeletionPlan{}, &deletion.Problem{Field: "toMs", Code: "bad_range", Message: "The end must not lie in the future: what will be recorded cannot be counted."}
	}
	t, err := a.countDeletion(&o)
	if err != nil {
		return api.DeletionPlan{}, err
	}
	one := plan{id: rand.Text(), by: by, made: now, order: o}
	a.plans.add(one)
	t.Plan, t.ExpiresMs = one.id, now.Add(planLasts).UnixMilli()
	return t, nil
}

// countDeletion counts what an order takes now, and notes the amount and the volumes in it.
func (a *Archive) countDeletion(o *deletion.Order) (api.DeletionPlan, error) {
	t := api.DeletionPlan{Cameras: []api.DeletionShare{}}
	spans := a.protectedSpans()
	a.holds.add(spans)
	writable := map[string]bool{}
	for _, v := range a.present() {
		v.mu.Lock()
		writable[v.id] = v.takesWrites()
		v.mu.Unlock()
	}
	volumes := map[string]bool{}
	for _, camera := range o.Cameras {
		share := api.DeletionShare{Camera: camera, Name: a.cfg.CameraName(camera)}
		err := a.idx.Walk(camera, o.FromMs, o.ToMs, func(s index.Segment) {
			switch {
			case !slices.Contains(o.Kinds, string(s.Kind)):
			case !writable[s.Volume]:
				t.AbsentSegments++
				t.AbsentBytes += s.SizeBytes
			case retention.Covered(spans[camera], s.StartMs, s.EndMs):
				t.ProtectedSegments++
				t.ProtectedBytes += s.SizeBytes
			default:
				volumes[s.Volume] = true
				share.Segments++
				share.Bytes += s.SizeBytes
				if t.FirstMs == 0 || s.StartMs < t.FirstMs {
					t.FirstMs = s.StartMs
				}
				t.LastMs = max(t.LastMs, s.EndMs)
			}
		})
		if err != nil {
			return t, err
		}
		if share.Segments > 0 {
			t.Cameras = append(t.Cameras, share)
		}
		t.Segments += share.Segments
		t.Bytes += share.Bytes
	}
	slices.SortFunc(t.Cameras, func(x, y api.DeletionShare) int {
		return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	o.Segments, o.Bytes, o.Volumes = t.Segments, t.Bytes, nil
	for id := range volumes {
		o.Volumes = append(o.Volumes, id)
	}
	slices.Sort(o.Volumes)
	return t, nil
}

// Delete begins what a plan counted; segments is the amount that was confirmed. It returns once the order is on a disk. A
// *deletion.Problem says what is wrong with the request.
func (a *Archive) Delete(id string, segments int64, by string) (api.Deletion, error) {
	one, ok := a.plans.take(id, by, time.Now())
	switch {
	case !ok:
		return api.Deletion{}, &deletion.Problem{Code: "no_plan", Message: "What would be deleted was counted too long ago, by somebody else, or has been confirmed already. Count it anew."}
	case one.order.Segments != segments:
		return api.Deletion{}, &deletion.Problem{Code: "changed", Message: fmt.Sprintf("%d files were counted, not %d. Count anew, and confirm what is shown.", one.order.Segments, segments)}
	}
	o := one.order
	if _, err := a.countDeletion(&o); err != nil {
		return api.Deletion{}, err
	}
	switch {
	case o.Segments > one.order.Segments || o.Bytes > one.order.Bytes:
		return api.Deletion{}, &deletion.Problem{Code: "changed", Message: "There is more in the range now than was counted. Count anew, and confirm what is shown."}
	case o.Segments == 0:
		return api.Deletion{}, &deletion.Problem{Code: "nothing_there", Message: "There is nothing in the range that can be deleted."}
	}
	o.CreatedMs = time.Now().UnixMilli()
	o, err := a.deletions.Add(o)
	if err != nil {
		return api.Deletion{}, err
	}
	a.log.Warn("recordings are deleted by hand", "deletion", o.ID, "by", by, "cameras", len(o.Cameras), "kinds", strings.Join(o.Kinds, ","),
		"from_ms", o.FromMs, "to_ms", o.ToMs, "segments", o.Segments, "bytes", o.Bytes)
	a.rouse()
	return a.shownDeletion(o), nil
}

// StopDeletion ends one that runs; deletion.ErrUnknown and deletion.ErrEnded tell that there is nothing to end.
func (a *Archive) StopDeletion(id, by string) error {
	if err := a.deletions.Stop(id, by, time.Now().UnixMilli()); err != nil {
		return err
	}
	a.log.Warn("deletion is stopped", "deletion", id, "by", by)
	return nil
}

// Deletions lists what people had deleted, the newest first.
func (a *Archive) Deletions() []api.Deletion {
	out := []api.Deletion{}
	for _, o := range a.deletions.List() {
		out = append(out, a.shownDeletion(o))
	}
	return out
}

func (a *Archive) shownDeletion(o deletion.Order) api.Deletion {
	d := api.Deletion{ID: o.ID, By: o.By, CreatedMs: o.CreatedMs, EndedMs: o.EndedMs, Status: api.DeletionStatus(o.Status), Reason: o.Reason, StoppedBy: o.StoppedBy,
		Cameras: o.Cameras, FromMs: o.FromMs, ToMs: o.ToMs, Segments: o.Segments, Bytes: o.Bytes, GoneSegments: o.Progress.Segments, GoneBytes: o.Progress.Bytes}
	for _, k := range o.Kinds {
		d.Kinds = append(d.Kinds, api.DeletionKinds(k))
	}
	if away := a.waitsFor(o); o.Status == deletion.Running && len(away) > 0 {
		d.Reason = strings.Join(away, " ")
	}
	return d
}
