package archive

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// staleAfter is how old an account of what is used may get, in looks at space.
const staleAfter = 5

// usageCache keeps the last account: many clients ask for it again and again.
type usageCache struct {
	mu       sync.Mutex
	at       time.Time
	revision int64 // of the protections
	last     *usage
}

// usage is an account of what is used, for what, and which promises hold. It is made from the index's tallies, which are
// kept as segments come and go, so that it costs the same however many segments there are.
type usage struct {
	protected map[string]int64 // bytes by volume
	perDay    map[string]int64 // bytes by volume
	cameras   []cameraUse      // those with footage, in order of id
}

// cameraUse is what a camera uses, of closed segments.
type cameraUse struct {
	id, name        string
	standard, alarm int64 // bytes
	protected       int64 // bytes of both
	oldestMs        int64
	bytesPerDay     int64
	fitDays         map[index.Kind]float64
	promise         promise
}

// useOf returns an account that is at most staleAfter old.
func (a *Archive) useOf() (*usage, error) {
	c := &a.used
	c.mu.Lock()
	defer c.mu.Unlock()
	revision := a.protections.Revision()
	if c.last != nil && revision == c.revision && time.Since(c.at) < staleAfter*a.cfg.KeepEvery {
		return c.last, nil
	}
	u, err := a.account(time.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("account for what is used: %w", err)
	}
	c.last, c.at, c.revision = u, time.Now(), revision
	return u, nil
}

// account makes one.
func (a *Archive) account(nowMs int64) (*usage, error) {
	lines := a.idx.Lines()
	u := &usage{protected: map[string]int64{}, perDay: map[string]int64{}}
	protected := map[index.Line]map[int64]int64{} // bytes by day
	for camera, spans := range a.protectedSpans() {
		err := a.within(camera, spans, lines, func(l index.Line, day, bytes int64) {
			u.protected[l.Volume] += bytes
			if protected[l] == nil {
				protected[l] = map[int64]int64{}
			}
			protected[l][day] += bytes
		})
		if err != nil {
			return nil, err
		}
	}
	room, pool := a.pool(u.protected)

	all := map[promiseKey]map[int64]int64{}   // bytes by day on all volumes
	loose := map[promiseKey]map[int64]int64{} // the same, unprotected, on those of the pool
	cameras := map[string]*cameraUse{}
	byVolume := map[string]map[int64]int64{} // bytes by day
	for l, t := range lines {
		k := promiseKey{l.Camera, l.Kind}
		c := cameras[l.Camera]
		if c == nil {
			c = &cameraUse{id: l.Camera, name: a.cfg.CameraName(l.Camera), fitDays: map[index.Kind]float64{}}
			cameras[l.Camera] = c
		}
		if l.Kind == index.Alarm {
			c.alarm += t.Bytes
		} else {
			c.standard += t.Bytes
		}
		if byVolume[l.Volume] == nil {
			byVolume[l.Volume] = map[int64]int64{}
		}
		if all[k] == nil {
			all[k], loose[k] = map[int64]int64{}, map[int64]int64{}
		}
		for _, d := range t.Days {
			p := protected[l][d.Day]
			c.protected += p
			all[k][d.Day] += d.Bytes
			byVolume[l.Volume][d.Day] += d.Bytes
			if pool[l.Volume] {
				loose[k][d.Day] += d.Bytes - p
			}
		}
	}

	for volume, days := range byVolume {
		oldest, _, err := a.idx.OldestMs(volume)
		if err != nil {
			return nil, err
		}
		u.perDay[volume] = retention.BytesPerDay(inOrder(days), oldest, nowMs)
	}

	rate := map[promiseKey]int64{}
	var promises []retention.Promise
	var wants []retention.Want
	var wanting []promiseKey
	for id, c := range cameras {
		var err error
		if c.oldestMs, _, _, err = a.Bounds(id); err != nil {
			return nil, err
		}
		for _, kind := range []index.Kind{index.Standard, index.Alarm} {
			k := promiseKey{id, kind}
			rate[k] = retention.BytesPerDay(inOrder(all[k]), c.oldestMs, nowMs)
			c.bytesPerDay += rate[k]
			days, minDays := a.targets(id, kind)
			wants, wanting = append(wants, retention.Want{Kind: string(kind), Days: days, MinDays: minDays, BytesPerDay: rate[k]}), append(wanting, k)
			if minDays > 0 {
				promises = append(promises, retention.Promise{MinDays: minDays, BytesPerDay: rate[k], Days: inOrder(loose[k])})
			}
		}
	}
	foresight := retention.Foresight{Holds: true}
	if len(pool) > 0 {
		foresight = retention.Foresee(promises, room, nowMs)
		for i, days := range retention.Fit(wants, room) {
			if days != retention.Unknown {
				cameras[wanting[i].camera].fitDays[wanting[i].kind] = days
			}
		}
	}
	for id, c := range cameras {
		for _, kind := range []index.Kind{index.Standard, index.Alarm} {
			_, minDays := a.targets(id, kind)
			if p := a.judge(promiseKey{id, kind}, minDays, rate[promiseKey{id, kind}], foresight, nowMs); p.state > c.promise.state {
				c.promise = p
			}
		}
		u.cameras = append(u.cameras, *c)
	}
	slices.SortFunc(u.cameras, func(a, b cameraUse) int { return strings.Compare(a.id, b.id) })
	return u, nil
}

// inOrder turns bytes by day into a list.
func inOrder(days map[int64]int64) []retention.DayBytes {
	out := make([]retention.DayBytes, 0, len(days))
	for day, bytes := range days {
		out = append(out, retention.DayBytes{Day: day, Bytes: bytes})
	}
	slices.SortFunc(out, func(a, b retention.DayBytes) int { return cmp.Compare(a.Day, b.Day) })
	return out
}

// pool returns which volumes take recordings, and how much of them they may hold together that is not protected.
func (a *Archive) pool(protected map[string]int64) (roomBytes int64, volumes map[string]bool) {
	volumes = map[string]bool{}
	for _, v := range a.present() {
		limit := a.limit(v.id)
		recorded := a.idx.Totals(v.id).Bytes
		v.mu.Lock()
		room := retention.Volume{SizeBytes: v.size, FreeBytes: v.free, LimitPercent: limit}
		takes := v.size > 0 && v.takesWrites()
		v.mu.Unlock()
		if !takes {
			continue
		}
		for _, s := range a.open("") {
			if s.Volume == v.id {
				recorded += s.SizeBytes
			}
		}
		other := max(0, room.SizeBytes-room.FreeBytes-recorded)
		roomBytes += room.Limit() - other - protected[v.id]
		volumes[v.id] = true
	}
	return roomBytes, volumes
}

// Usage tells what each camera's recordings take and whether what was promised for them holds: of all that are set up,
// given as id → name, and of all others with footage, in order of name.
func (a *Archive) Usage(setUp map[string]string) ([]api.CameraUsage, error) {
	u, err := a.useOf()
	if err != nil {
		return nil, err
	}
	open := a.open("")
	out := []api.CameraUsage{}
	seen := map[string]bool{}
	for _, c := range u.cameras {
		seen[c.id] = true
		out = append(out, api.CameraUsage{StandardFitDays: c.fitDays[index.Standard], AlarmFitDays: c.fitDays[index.Alarm], Camera: c.id, Name: c.name, StandardBytes: c.standard, AlarmBytes: c.alarm, ProtectedBytes: c.protected,
			OldestMs: c.oldestMs, BytesPerDay: c.bytesPerDay, Promise: promiseWord[c.promise.state], PromiseReason: c.promise.reason})
	}
	for id, name := range setUp {
		if !seen[id] {
			t, _ := a.cfg.Targets(id)
			state := promiseNone
			if t.StandardMinDays > 0 || t.AlarmMinDays > 0 {
				state = promiseOK
			}
			out = append(out, api.CameraUsage{Camera: id, Name: name, Promise: promiseWord[state]})
		}
	}
	for i := range out {
		t, _ := a.cfg.Targets(out[i].Camera)
		out[i].StandardMinDays, out[i].AlarmMinDays = t.StandardMinDays, t.AlarmMinDays
		for _, s := range open { // as far as they are on disk
			switch {
			case s.Camera != out[i].Camera:
			case s.Kind == index.Alarm:
				out[i].AlarmBytes += s.SizeBytes
			default:
				out[i].StandardBytes += s.SizeBytes
			}
		}
		if name, ok := setUp[out[i].Camera]; ok {
			out[i].Name = name
		}
	}
	slices.SortFunc(out, func(a, b api.CameraUsage) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Camera, b.Camera))
	})
	return out, nil
}

var promiseWord = map[promiseState]api.CameraUsagePromise{
	promiseNone: api.CameraUsagePromiseNone, promiseOK: api.CameraUsagePromiseOk,
	promiseWarning: api.CameraUsagePromiseWarning, promiseBroken: api.CameraUsagePromiseBroken,
}
