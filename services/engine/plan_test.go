package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
)

// emptyWeek is a week as requests have it, with some spans on Mondays.
func emptyWeek(monday string) string {
	return `{"monday":[` + monday + `],"tuesday":[],"wednesday":[],"thursday":[],"friday":[],"saturday":[],"sunday":[],"holiday":[]}`
}

// calendarsAnswer tries the operations on calendars and holidays; a camera is there.
func calendarsAnswer(e *running, id, url string) {
	e.t.Helper()
	e.do("listCalendars", "GET", "/v1/calendars", "", 200, `"always"`)
	var c api.Calendar
	b := e.do("addCalendar", "POST", "/v1/calendars", `{"name":"Office","week":`+emptyWeek(`{"from":"08:00","to":"18:15"}`)+`}`, 201, "18:15")
	if err := json.Unmarshal(b, &c); err != nil {
		e.t.Fatal(err)
	}
	e.do("addCalendar", "POST", "/v1/calendars", `{"name":"office","week":`+emptyWeek("")+`}`, 400, `"name_taken"`)
	e.do("addCalendar", "POST", "/v1/calendars", `{"name":"x","week":`+emptyWeek(`{"from":"18:15","to":"08:00"}`)+`}`, 400, `"week.monday"`)
	e.do("putCalendar", "PUT", "/v1/calendars/always", `{"name":"x","week":`+emptyWeek("")+`}`, 409, `"builtin"`)
	e.do("putCalendar", "PUT", "/v1/calendars/cgone", `{"name":"x","week":`+emptyWeek("")+`}`, 404, `"no_calendar"`)

	plan := func(standard string) string {
		return fmt.Sprintf(`{"name":"Gate","url":%q,"username":"admin","enabled":true,"recording":{"standard":{"calendar":%q,"streams":["main"]},`+
			`"alarm":{"calendar":"never","streams":[]},"preSeconds":0,"preMb":2,"postSeconds":5,"segmentSeconds":300,"segmentMb":1024}}`, url, standard)
	}
	e.do("putCamera", "PUT", "/v1/cameras/"+id, plan("cgone"), 400, `"recording.standard.calendar"`)
	e.do("addCamera", "POST", "/v1/cameras", strings.Replace(plan("cgone"), "Gate", "Other", 1), 400, `"recording.standard.calendar"`)
	e.do("addCamera", "POST", "/v1/cameras", strings.Replace(plan("always"), `"preSeconds"`, `"volume":"gone","preSeconds"`, 1), 400, `"recording.volume"`)
	e.do("putCamera", "PUT", "/v1/cameras/"+id, plan(c.ID), 200, c.ID)
	e.do("putCalendar", "PUT", "/v1/calendars/"+c.ID, `{"name":"Office","week":`+emptyWeek("")+`}`, 200, `"cameras":1`)
	e.do("deleteCalendar", "DELETE", "/v1/calendars/"+c.ID, "", 409, "Gate")
	e.do("putCamera", "PUT", "/v1/cameras/"+id, plan("always"), 200, "always")
	e.do("deleteCalendar", "DELETE", "/v1/calendars/"+c.ID, "", 204, "")
	e.do("deleteCalendar", "DELETE", "/v1/calendars/"+c.ID, "", 404, `"no_calendar"`)
	e.do("deleteCalendar", "DELETE", "/v1/calendars/never", "", 409, `"builtin"`)

	e.do("getHolidays", "GET", "/v1/holidays", "", 200, "[]")
	e.do("putHolidays", "PUT", "/v1/holidays", `[{"date":"2026-12-25","name":"Christmas","yearly":true}]`, 200, "Christmas")
	e.do("putHolidays", "PUT", "/v1/holidays", `[{"date":"2026-02-30","name":"x","yearly":true}]`, 400, `"bad_date"`)
	e.do("getHolidays", "GET", "/v1/holidays", "", 200, "Christmas")
}

// triggersAnswer tries the operations on triggers and forced recording; a camera without alarm recording is there.
func triggersAnswer(e *running, id, url string) {
	e.t.Helper()
	triggers, forced := "/v1/cameras/"+id+"/triggers", "/v1/cameras/"+id+"/forced"
	e.do("addTrigger", "POST", triggers, `{"source":"door"}`, 200, `"recorded":false`)
	for body, code := range map[string]string{
		`{"source":""}`: "bad_source", `{"source":"Door!"}`: "bad_source", `{"source":"forced"}`: "bad_source",
		`{"source":"door","holdMs":86400001}`: "bad_duration", `{"source":"door","holdMs":-1}`: "bad_duration",
		`{"source":"door","text":"` + strings.Repeat("x", 257) + `"}`: "bad_text",
	} {
		e.do("addTrigger", "POST", triggers, body, 400, code)
	}
	e.do("addTrigger", "POST", "/v1/cameras/aaaaaaaa/triggers", `{"source":"door"}`, 404, `"no_camera"`)
	e.do("listTriggers", "GET", triggers+"?fromMs=0&toMs=1", "", 200, "[]")
	e.do("listTriggers", "GET", triggers+"?fromMs=1&toMs=1", "", 400, `"bad_range"`)
	e.do("forceRecording", "POST", forced, `{"seconds":0}`, 400, `"bad_duration"`)
	e.do("forceRecording", "POST", forced, `{"seconds":86401}`, 400, `"bad_duration"`)
	e.do("forceRecording", "POST", "/v1/cameras/aaaaaaaa/forced", `{"seconds":5}`, 404, `"no_camera"`)
	e.do("forceRecording", "POST", forced, `{"seconds":3600}`, 204, "")
	e.eventually("a person has it recorded", func() bool {
		s := e.camera(id).State
		return s.ForcedUntilMs > time.Now().Add(59*time.Minute).UnixMilli() && s.AlarmUntilMs == 0 && recording(s, api.StreamNameMain, api.RecordingStateKindAlarm)
	})
	e.do("stopForcedRecording", "DELETE", forced, "", 204, "")
	e.do("stopForcedRecording", "DELETE", forced, "", 204, "") // none runs
	e.do("stopForcedRecording", "DELETE", "/v1/cameras/aaaaaaaa/forced", "", 404, `"no_camera"`)
	e.eventually("the alarm recording has ended, the standard one goes on", func() bool {
		s := e.camera(id).State
		return s.ForcedUntilMs == 0 && !recording(s, api.StreamNameMain, api.RecordingStateKindAlarm) && recording(s, api.StreamNameMain, api.RecordingStateKindStandard)
	})
	now := time.Now().UnixMilli()
	e.do("listTriggers", "GET", fmt.Sprintf("%s?fromMs=%d&toMs=%d", triggers, now-60_000, now), "", 200, `"by":"ann"`)
}

// recording tells whether a recording of a stream runs.
func recording(s api.CameraState, stream api.StreamName, kind api.RecordingStateKind) bool {
	for _, st := range s.Streams {
		for _, r := range st.Recordings {
			if st.Name == stream && r.Kind == kind {
				return r.Recording
			}
		}
	}
	return false
}

// closed returns the closed segments of a timeline of a stream and kind.
func closed(tl api.Timeline, stream string, kind api.SegmentKind) []api.Segment {
	return slices.DeleteFunc(slices.Clone(tl.Segments), func(s api.Segment) bool { return s.Stream != stream || s.Kind != kind || s.Open })
}

// twoStreams adds a camera whose second stream is recorded always and whose first on alarm.
func twoStreams(e *running, main, sub *cameratest.Camera, pre, post int) string {
	e.t.Helper()
	var c api.Camera
	body := fmt.Sprintf(`{"name":"Hall","url":%q,"subUrl":%q,"enabled":true,"recording":{"standard":{"calendar":"always","streams":["sub"]},`+
		`"alarm":{"calendar":"always","streams":["main"]},"preSeconds":%d,"preMb":16,"postSeconds":%d,"segmentSeconds":300,"segmentMb":1024}}`, main.URL, sub.URL, pre, post)
	if err := json.Unmarshal(e.do("addCamera", "POST", "/v1/cameras", body, 201, "Hall"), &c); err != nil {
		e.t.Fatal(err)
	}
	return c.ID
}

func TestTheSecondStreamIsRecordedAlwaysAndTheFirstOnAlarmWithWhatCameBefore(t *testing.T) {
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	main, sub := cameratest.Start(t, cameratest.CameraOptions{Video: video}), cameratest.Start(t, cameratest.CameraOptions{Video: video})
	room := newMachineRoom(t)
	room.mount(volume(t, "v1"))
	e := start(t, room)
	id := twoStreams(e, main, sub, 3, 2)
	e.eventually("five seconds of the second stream are recorded, and the first is live", func() bool {
		tl, s := e.timeline(id), e.camera(id).State
		return len(tl.Segments) == 1 && tl.Segments[0].Stream == "sub" && tl.Segments[0].EndMs-tl.Segments[0].StartMs > 5000 && s.Status == api.CameraStateStatusLive && len(s.Streams) == 2
	})
	if s := e.camera(id).State; s.Recording || recording(s, "main", "alarm") || !recording(s, "sub", "standard") || s.RecordingReason == "" {
		t.Errorf("before the alarm: %+v", s)
	}
	trigger := func(body string) (a api.TriggerAnswer) {
		t.Helper()
		if err := json.Unmarshal(e.do("addTrigger", "POST", "/v1/cameras/"+id+"/triggers", body, 200, `"recorded":true`), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	at := trigger(`{"source":"door","text":"Back door","holdMs":2500}`).AtMs
	e.eventually("the alarm is recorded", func() bool {
		s := e.camera(id).State
		return s.Recording && s.AlarmUntilMs > 0 && recording(s, "main", "alarm") && recording(s, "sub", "standard")
	})
	// While the first one's recording runs, which it does for some seconds more; it outlasts that by more than a GOP.
	e.eventually("half a second after the trigger is recorded", func() bool {
		return slices.ContainsFunc(e.timeline(id).Segments, func(s api.Segment) bool {
			return s.Stream == "main" && s.Kind == api.SegmentKindAlarm && s.Open && s.EndMs > at+500
		})
	})
	again := trigger(`{"source":"door","holdMs":3300}`)
	e.eventually("the alarm recording has ended", func() bool { return len(closed(e.timeline(id), "main", api.SegmentKindAlarm)) > 0 })
	tl := e.timeline(id)
	alarms := closed(tl, "main", api.SegmentKindAlarm)
	if len(alarms) != 1 {
		t.Fatalf("alarm recordings %+v, want one, extended", alarms)
	}
	// From the keyframe at or before the prebuffer's start to the keyframe at or after the postbuffer's end.
	if s := alarms[0]; s.StartMs > at-3000+50 || s.StartMs < at-3000-1100 || s.EndMs < again.EndMs+2000 || s.EndMs > again.EndMs+2000+1200 {
		t.Errorf("recorded from %d to %d ms after the trigger, and the second trigger came at %d", s.StartMs-at, s.EndMs-at, again.AtMs-at)
	}
	if len(tl.Triggers) != 2 || tl.Triggers[0].Text != "Back door" || tl.Triggers[0].By != "ann" || tl.Triggers[0].EndMs-tl.Triggers[0].AtMs != 2500 {
		t.Errorf("triggers %+v", tl.Triggers)
	}
	if subs := slices.DeleteFunc(tl.Segments, func(s api.Segment) bool { return s.Stream != "sub" }); len(subs) != 1 || !subs[0].Open || subs[0].Kind != api.SegmentKindStandard {
		t.Errorf("the second stream: %+v", subs)
	}
	e.do("getMedia", "GET", fmt.Sprintf("/v1/cameras/%s/media?fromMs=%d&durationMs=1000&stream=sub", id, at), "", 200, "ftyp")
	e.do("getMedia", "GET", fmt.Sprintf("/v1/cameras/%s/media?fromMs=%d&durationMs=1000", id, at-1000), "", 200, "ftyp")

	// A prebuffer that reaches into what was recorded already repeats none of it.
	e.do("addTrigger", "POST", "/v1/cameras/"+id+"/triggers", `{"source":"door"}`, 200, `"recorded":true`)
	e.eventually("the next alarm recording has ended", func() bool { return len(closed(e.timeline(id), "main", api.SegmentKindAlarm)) == 2 })
	alarms = closed(e.timeline(id), "main", api.SegmentKindAlarm)
	if d := alarms[1].StartMs - alarms[0].EndMs; d < -1 || d > 2000 {
		t.Errorf("the second alarm recording begins %d ms after the end of the first", d)
	}

	// Settings that touch no stream leave both connections and the running recording as they are.
	conns := main.Connections() + sub.Connections()
	open := slices.DeleteFunc(e.timeline(id).Segments, func(s api.Segment) bool { return !s.Open })
	body := fmt.Sprintf(`{"name":"Lobby","url":%q,"enabled":true,"recording":{"standard":{"calendar":"always","streams":["sub"]},`+
		`"alarm":{"calendar":"never","streams":["main"]},"preSeconds":9,"preMb":32,"postSeconds":1,"segmentSeconds":3000,"segmentMb":100},`+
		`"retention":{"standardDays":5,"standardMinDays":1,"alarmDays":0,"alarmMinDays":0}}`, main.URL)
	e.do("putCamera", "PUT", "/v1/cameras/"+id, body, 200, "Lobby")
	e.do("addTrigger", "POST", "/v1/cameras/"+id+"/triggers", `{"source":"door"}`, 200, "calendar")
	e.eventually("two more seconds are recorded", func() bool {
		s := slices.DeleteFunc(e.timeline(id).Segments, func(s api.Segment) bool { return !s.Open })
		return len(s) == 1 && len(open) == 1 && s[0].ID == open[0].ID && s[0].EndMs > open[0].EndMs+2000
	})
	if n := main.Connections() + sub.Connections(); n != conns {
		t.Errorf("%d connections after the change of settings, %d before", n, conns)
	}
}

func TestTheSecondStreamIsFetchedForWhoWatchesIt(t *testing.T) {
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	main, sub := cameratest.Start(t, cameratest.CameraOptions{Video: video}), cameratest.Start(t, cameratest.CameraOptions{Video: video})
	room := newMachineRoom(t)
	room.mount(volume(t, "v1"))
	e := start(t, room)
	b := e.do("addCamera", "POST", "/v1/cameras", fmt.Sprintf(`{"name":"Hall","url":%q,"subUrl":%q,"enabled":true}`, main.URL, sub.URL), 201, "Hall")
	var c api.Camera
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	e.eventually("the first stream is recorded", func() bool { return e.camera(c.ID).State.Recording })
	if n := sub.Connections(); n != 0 {
		t.Errorf("nobody wants the second stream, but there were %d connections", n)
	}
	e.do("live", "GET", "/v1/cameras/"+c.ID+"/live?stream=third", "", 404, `"no_stream"`)
	ws, _, err := websocket.Dial(t.Context(), "ws://engine/v1/cameras/"+c.ID+"/live?stream=sub", &websocket.DialOptions{HTTPClient: &http.Client{Transport: e.ask.Transport()}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(8 << 20)
	for picture := false; !picture; {
		kind, b, err := ws.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		picture = kind == websocket.MessageBinary && string(b[4:8]) == "moof"
	}
	s := e.camera(c.ID).State
	if len(s.Streams) != 2 || s.Streams[1].Status != api.StreamStateStatusLive || recording(s, "sub", "standard") || recording(s, "sub", "alarm") {
		t.Errorf("streams while watched: %+v", s.Streams)
	}
	if sub.Connections() == 0 {
		t.Error("no connection to the second stream")
	}
}
