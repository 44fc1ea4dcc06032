package camera

import (
	"fmt"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/calendar"
)

// Rule says when which streams are recorded. It is comparable. All of it is stored: rows are read over defaults.
type Rule struct {
	Calendar string `json:"calendar"` // id
	Main     bool   `json:"main"`
	Sub      bool   `json:"sub"`
}

func (r *Rule) has(stream string) bool {
	return r.Main && stream == MainStream || r.Sub && stream == SubStream
}

// Plan says what of a camera is recorded, and when. It is comparable.
type Plan struct {
	Standard       Rule `json:"standard"`
	Alarm          Rule `json:"alarm"`
	PreSeconds     int  `json:"preSeconds"`
	PreMB          int  `json:"preMb"` // MiB, for each stream
	PostSeconds    int  `json:"postSeconds"`
	SegmentSeconds int  `json:"segmentSeconds"`
	SegmentMB      int  `json:"segmentMb"` // MiB
	// Volume is the id of the volume to record to whenever it takes recordings; "": any.
	Volume string `json:"volume,omitempty"`
	// Duplicate: all of it is recorded a second time, to another volume.
	Duplicate bool `json:"duplicate,omitempty"`
}

// defaultPlan is that of a new camera: what it sends is recorded.
func defaultPlan() Plan {
	return Plan{
		Standard: Rule{Calendar: calendar.Always, Main: true}, Alarm: Rule{Calendar: calendar.Always, Main: true},
		PreSeconds: 5, PreMB: 16, PostSeconds: 10, SegmentSeconds: 300, SegmentMB: 1024,
	}
}

// Retention is how many days recordings are kept, by kind. It is comparable.
type Retention struct {
	StandardDays    int `json:"standardDays,omitempty"` // 0: while there is room
	StandardMinDays int `json:"standardMinDays,omitempty"`
	AlarmDays       int `json:"alarmDays,omitempty"`
	AlarmMinDays    int `json:"alarmMinDays,omitempty"`
}

// planOf checks a plan as a request has it. The error is an *answer.Problem.
func planOf(r api.RecordingPlan) (Plan, error) {
	p := Plan{PreSeconds: r.PreSeconds, PreMB: r.PreMb, PostSeconds: r.PostSeconds, SegmentSeconds: r.SegmentSeconds, SegmentMB: r.SegmentMb, Volume: r.Volume, Duplicate: r.Duplicate}
	for _, c := range []struct {
		field      string
		value      int
		least, top int
	}{
		{"preSeconds", p.PreSeconds, 0, 600}, {"preMb", p.PreMB, 2, 128}, {"postSeconds", p.PostSeconds, 1, 3600},
		{"segmentSeconds", p.SegmentSeconds, 10, 3300}, {"segmentMb", p.SegmentMB, 4, 4096},
	} {
		if c.value < c.least || c.value > c.top {
			return Plan{}, answer.Field("recording."+c.field, "bad_number", fmt.Sprintf("This must be from %d to %d.", c.least, c.top))
		}
	}
	var err error
	if p.Standard, err = ruleOf("recording.standard", r.Standard); err != nil {
		return Plan{}, err
	}
	p.Alarm, err = ruleOf("recording.alarm", r.Alarm)
	return p, err
}

func ruleOf(field string, r api.RecordingRule) (Rule, error) {
	rule := Rule{Calendar: r.Calendar}
	if r.Calendar == "" || len(r.Calendar) > 32 {
		return rule, answer.Field(field+".calendar", "no_calendar", "Choose a calendar.")
	}
	for _, s := range r.Streams {
		switch s {
		case api.StreamNameMain:
			rule.Main = true
		case api.StreamNameSub:
			rule.Sub = true
		default:
			return rule, answer.Field(field+".streams", "bad_stream", fmt.Sprintf("There is no stream %q: main or sub.", string(s)))
		}
	}
	return rule, nil
}

func (r Rule) api() api.RecordingRule {
	out := api.RecordingRule{Calendar: r.Calendar, Streams: []api.StreamName{}}
	if r.Main {
		out.Streams = append(out.Streams, api.StreamNameMain)
	}
	if r.Sub {
		out.Streams = append(out.Streams, api.StreamNameSub)
	}
	return out
}

func (p Plan) api() api.RecordingPlan {
	return api.RecordingPlan{Standard: p.Standard.api(), Alarm: p.Alarm.api(), PreSeconds: p.PreSeconds, PreMb: p.PreMB,
		PostSeconds: p.PostSeconds, SegmentSeconds: p.SegmentSeconds, SegmentMb: p.SegmentMB, Volume: p.Volume, Duplicate: p.Duplicate}
}

// retentionOf checks what a request says of keeping. The error is an *answer.Problem.
func retentionOf(r api.Retention) (Retention, error) {
	for _, c := range []struct {
		field string
		days  int
		most  int // of the kind, 0: no bound
	}{
		{"standardDays", r.StandardDays, 0}, {"standardMinDays", r.StandardMinDays, r.StandardDays},
		{"alarmDays", r.AlarmDays, 0}, {"alarmMinDays", r.AlarmMinDays, r.AlarmDays},
	} {
		if c.days < 0 || c.days > 3650 {
			return Retention{}, answer.Field("retention."+c.field, "bad_days", "Days must be from 0 to 3650.")
		}
		if c.most > 0 && c.days > c.most {
			return Retention{}, answer.Field("retention."+c.field, "bad_days", fmt.Sprintf("More days are promised than the %d after which recordings are deleted.", c.most))
		}
	}
	return Retention{r.StandardDays, r.StandardMinDays, r.AlarmDays, r.AlarmMinDays}, nil
}

func (r Retention) api() api.Retention {
	return api.Retention{StandardDays: r.StandardDays, StandardMinDays: r.StandardMinDays, AlarmDays: r.AlarmDays, AlarmMinDays: r.AlarmMinDays}
}
