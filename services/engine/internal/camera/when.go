package camera

import (
	"slices"
	"sync"
	"time"

	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/trigger"
)

// when says what of one camera is to be recorded at an instant: its plan, by the calendars, and what triggers add. Its
// recorders ask it.
type when struct {
	calendars *calendar.Keeper

	mu       sync.Mutex
	plan     Plan
	triggers []trigger.Trigger // those that may be in force
	changed  chan struct{}     // closed and replaced when an answer may be another
}

func newWhen(calendars *calendar.Keeper, plan Plan, triggers []trigger.Trigger) *when {
	return &when{calendars: calendars, plan: plan, triggers: triggers, changed: make(chan struct{})}
}

// schedule is that of one recording.
func (w *when) schedule(stream string, kind index.Kind) record.Schedule {
	return func(nowNs int64) (win record.Window, ok bool, changed <-chan struct{}) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if kind == index.Standard {
			book, _ := w.calendars.Book()
			win, ok = w.plan.Standard.window(book, stream, nowNs)
		} else {
			win, ok = alarmWindow(&w.plan, w.triggers, stream, nowNs)
		}
		return win, ok, w.changed
	}
}

// twice is a schedule as far as the camera is recorded twice.
func (w *when) twice(schedule record.Schedule) record.Schedule {
	return func(nowNs int64) (win record.Window, ok bool, changed <-chan struct{}) {
		win, ok, changed = schedule(nowNs)
		w.mu.Lock()
		defer w.mu.Unlock()
		return win, ok && w.plan.Duplicate, changed
	}
}

// window is the window of a rule's calendar that holds an instant, or the next. Of one that holds it the start is
// somewhere before.
func (r *Rule) window(book *calendar.Book, stream string, nowNs int64) (record.Window, bool) {
	if !r.has(stream) {
		return record.Window{}, false
	}
	on, until := book.Span(r.Calendar, time.Unix(0, nowNs))
	if on {
		return record.Window{EndNs: ns(until)}, true
	}
	if until.IsZero() {
		return record.Window{}, false
	}
	_, end := book.Span(r.Calendar, until)
	return record.Window{StartNs: until.UnixNano(), EndNs: ns(end)}, true
}

func ns(t time.Time) int64 {
	if t.IsZero() {
		return record.Never
	}
	return t.UnixNano()
}

// alarmWindow is the window that the triggers in force make together.
func alarmWindow(p *Plan, triggers []trigger.Trigger, stream string, nowNs int64) (w record.Window, ok bool) {
	for _, t := range triggers {
		end := p.endNs(t)
		if end <= nowNs || !p.onTrigger(t, stream) {
			continue
		}
		start := (t.AtMs - int64(p.PreSeconds)*1000) * int64(time.Millisecond)
		if !ok {
			w = record.Window{StartNs: nowNs, EndNs: end} // also when the clock was set back to before the trigger
		}
		w.StartNs, w.EndNs, ok = min(w.StartNs, start), max(w.EndNs, end), true
	}
	return w, ok
}

// endNs is when the recording of a trigger ends: what a person wants is recorded for just the time that was set.
func (p *Plan) endNs(t trigger.Trigger) int64 {
	end := t.EndMs * int64(time.Millisecond)
	if t.Source != trigger.Forced {
		end += int64(p.PostSeconds) * int64(time.Second)
	}
	return end
}

// onTrigger tells whether a stream is recorded on a trigger. A person gets the main stream where alarms get none.
func (p *Plan) onTrigger(t trigger.Trigger, stream string) bool {
	if t.Source == trigger.Forced && !p.Alarm.Main && !p.Alarm.Sub {
		return stream == MainStream
	}
	return p.Alarm.has(stream)
}

// set changes the plan.
func (w *when) set(p Plan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.plan != p {
		w.plan = p
		w.tell()
	}
}

// follow says that calendars, zone or clock have changed.
func (w *when) follow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell()
}

// tell wakes those who wait for a change; mu is held.
func (w *when) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// refusal says why a trigger now would not be recorded; empty when it would.
func (w *when) refusal(now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.plan.Alarm.Main && !w.plan.Alarm.Sub {
		return "No stream of this camera is recorded on alarm."
	}
	if book, _ := w.calendars.Book(); !book.On(w.plan.Alarm.Calendar, now) {
		return "The calendar of alarm recording says no at this time."
	}
	return ""
}

// add takes a trigger into account from now on, or what has become of one of the same instant and source.
func (w *when) add(old, t trigger.Trigger) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now().UnixNano()
	w.triggers = slices.DeleteFunc(w.triggers, func(o trigger.Trigger) bool { return o == old || w.plan.endNs(o) <= now })
	w.triggers = append(w.triggers, t)
	w.tell()
}

// forced returns the trigger by which a person has the camera recorded now.
func (w *when) forced(now time.Time) (trigger.Trigger, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.triggers {
		if t.Source == trigger.Forced && t.EndMs > now.UnixMilli() {
			return t, true
		}
	}
	return trigger.Trigger{}, false
}

// until returns when the recording of the triggers in force ends, and of the forced one; 0: none.
func (w *when) until(now time.Time) (alarmMs, forcedMs int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.triggers {
		switch end := w.plan.endNs(t); {
		case end <= now.UnixNano():
		case t.Source == trigger.Forced:
			forcedMs = max(forcedMs, end/int64(time.Millisecond))
		default:
			alarmMs = max(alarmMs, end/int64(time.Millisecond))
		}
	}
	return alarmMs, forcedMs
}

// limits are those of segments.
func (w *when) limits() record.Limits {
	w.mu.Lock()
	defer w.mu.Unlock()
	return record.Limits{Length: time.Duration(w.plan.SegmentSeconds) * time.Second, Bytes: int64(w.plan.SegmentMB) << 20}
}
