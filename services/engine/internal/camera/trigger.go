package camera

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/trigger"
)

var validSource = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// maxForced is how long a person may have something recorded, in seconds.
const maxForced = 86400

// triggerOf checks a request for a trigger. The error is an *answer.Problem.
func triggerOf(camera string, r api.TriggerRequest, by string, now time.Time) (trigger.Trigger, error) {
	switch {
	case !validSource.MatchString(r.Source) || r.Source == trigger.Forced:
		return trigger.Trigger{}, answer.Field("source", "bad_source", "Say what set it off in a word of lower-case letters, digits and hyphens, 32 at most; not forced.")
	case utf8.RuneCountInString(r.Text) > 256 || !utf8.ValidString(r.Text) || strings.ContainsFunc(r.Text, unicode.IsControl):
		return trigger.Trigger{}, answer.Field("text", "bad_text", "The text may have 256 characters, and none that cannot be shown.")
	case r.HoldMs < 0 || r.HoldMs > trigger.MaxHold.Milliseconds():
		return trigger.Trigger{}, answer.Field("holdMs", "bad_duration", "A condition lasts from 0 to 86400000 ms (a day); trigger again when it goes on.")
	}
	return trigger.Trigger{Camera: camera, AtMs: now.UnixMilli(), EndMs: now.UnixMilli() + r.HoldMs, Source: r.Source, Text: r.Text, By: by}, nil
}

// slotOf returns a camera's slot and settings.
func (s *Set) slotOf(id string) (*slot, Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		return sl, sl.row, nil
	}
	return nil, Row{}, errNoCamera()
}

// Trigger starts, or extends, alarm recording of a camera if its plan has it, and says whether it does. Only what is
// recorded is remembered.
func (s *Set) Trigger(id string, r api.TriggerRequest, by string) (api.TriggerAnswer, error) {
	sl, row, err := s.slotOf(id)
	if err != nil {
		return api.TriggerAnswer{}, err
	}
	now := time.Now()
	t, err := triggerOf(id, r, by, now)
	if err != nil {
		return api.TriggerAnswer{}, err
	}
	out := api.TriggerAnswer{AtMs: t.AtMs, EndMs: t.EndMs, Source: t.Source, Text: t.Text, By: t.By}
	if !row.Enabled {
		out.Reason = "The camera is switched off."
	} else {
		out.Reason = sl.when.refusal(now)
	}
	if out.Reason != "" {
		return out, nil
	}
	if t, err = s.remember(sl, t); err != nil {
		return api.TriggerAnswer{}, err
	}
	out.Recorded, out.AtMs, out.EndMs = true, t.AtMs, t.EndMs
	s.cfg.Log.Info("trigger", "camera", id, "source", t.Source, "by", by)
	return out, nil
}

// remember has a trigger recorded at once, and stores it.
func (s *Set) remember(sl *slot, t trigger.Trigger) (trigger.Trigger, error) {
	sl.when.add(trigger.Trigger{}, t)
	s.wake(t.Camera)
	stored, err := s.cfg.Triggers.Add(t)
	if err != nil {
		return t, fmt.Errorf("it is recorded, but would be forgotten if the recorder were restarted: %w", err)
	}
	if stored != t { // another has its instant
		sl.when.add(t, stored)
	}
	return stored, nil
}

// Force has a camera recorded for so many seconds from now on, whatever its calendars say.
func (s *Set) Force(id string, seconds int, by string) error {
	sl, row, err := s.slotOf(id)
	if err != nil {
		return err
	}
	switch {
	case seconds < 1 || seconds > maxForced:
		return answer.Field("seconds", "bad_duration", fmt.Sprintf("The seconds must be from 1 to %d (a day).", maxForced))
	case !row.Enabled:
		return answer.Refuse(http.StatusConflict, "disabled", "This camera is switched off. Switch it on in its settings first.")
	}
	now := time.Now()
	end := now.UnixMilli() + int64(seconds)*1000
	s.cfg.Log.Info("forced recording", "camera", id, "seconds", seconds, "by", by)
	if t, ok := sl.when.forced(now); ok && end-t.AtMs <= trigger.MaxHold.Milliseconds() {
		return s.endForced(sl, t, end)
	}
	_, err = s.remember(sl, trigger.Trigger{Camera: id, AtMs: now.UnixMilli(), EndMs: end, Source: trigger.Forced, By: by})
	if err == nil {
		s.resettle(id)
	}
	return err
}

// Unforce ends what Force began.
func (s *Set) Unforce(id, by string) error {
	sl, _, err := s.slotOf(id)
	if err != nil {
		return err
	}
	for {
		now := time.Now()
		t, ok := sl.when.forced(now)
		if !ok {
			return nil
		}
		s.cfg.Log.Info("forced recording ends", "camera", id, "by", by)
		if err := s.endForced(sl, t, max(now.UnixMilli(), t.AtMs)); err != nil {
			return err
		}
	}
}

// endForced changes when a forced recording ends.
func (s *Set) endForced(sl *slot, t trigger.Trigger, endMs int64) error {
	next := t
	next.EndMs = endMs
	sl.when.add(t, next)
	s.wake(t.Camera)
	return s.cfg.Triggers.End(t, endMs)
}

// Triggers returns those of a camera, which need not be set up any more, that lasted into [fromMs, toMs).
func (s *Set) Triggers(id string, fromMs, toMs int64) ([]api.Trigger, error) {
	list, err := s.cfg.Triggers.Range(id, fromMs, toMs, maxTriggers)
	if err != nil {
		return nil, fmt.Errorf("look up triggers: %w", err)
	}
	out := make([]api.Trigger, 0, len(list))
	for _, t := range list {
		out = append(out, t.API())
	}
	return out, nil
}

// maxTriggers is how many one answer has at most.
const maxTriggers = 10_000
