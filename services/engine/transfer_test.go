package engine

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/engine/engineapi"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/cameratest"
)

// TestAConfigurationMovesToAnotherRecorder: cameras, calendars and the relay of one engine, brought to another that has its own, which
// starts again with them and records them under the same ids. What is wrong with one row leaves all as it was.
func TestAConfigurationMovesToAnotherRecorder(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{}), User: "admin", Password: "geheim-4711"})
	rooms := [2]*machineRoom{newMachineRoom(t), newMachineRoom(t)}
	v := volume(t, "v1")
	rooms[0].mount(v)
	one := start(t, rooms[0])
	id := one.add("Door", strings.Replace(cam.URL, "rtsp://", "rtsp://admin:geheim-4711@", 1))
	b := one.do("addCalendar", "POST", "/v1/calendars", `{"name":"Nights","week":{"monday":[{"from":"20:00","to":"24:00"}],"tuesday":[],"wednesday":[],"thursday":[],"friday":[],"saturday":[],"sunday":[],"holiday":[]}}`, 201, "Nights")
	var made struct{ ID string }
	if err := json.Unmarshal(b, &made); err != nil {
		t.Fatal(err)
	}
	one.do("putHolidays", "PUT", "/v1/holidays", `[{"date":"2026-12-25","name":"Christmas","yearly":true}]`, 200, "Christmas")
	one.do("putCamera", "PUT", "/v1/cameras/"+id, `{"name":"Door","url":"`+cam.URL+`","username":"admin","enabled":true,"recording":{"standard":{"calendar":"always","streams":["main"]},"alarm":{"calendar":"`+made.ID+`","streams":["main"]},"preSeconds":5,"preMb":4,"postSeconds":10,"segmentSeconds":60,"segmentMb":64,"volume":"v1"}}`, 200, "Door")
	one.do("addRelayAccount", "POST", "/v1/relay/accounts", `{"name":"wall","allCameras":true,"cameras":[],"live":true,"recordings":false,"maxReaders":2,"untilMs":0}`, 201, "wall")
	client := func(e *running) *engineapi.Client {
		c := engineapi.New(e.socket)
		t.Cleanup(c.Close)
		return c
	}
	taken, err := client(one).Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := client(one).PutSettings(t.Context(), taken, false); err != nil || len(again.Changes)+len(again.LeftOut) > 0 {
		t.Errorf("its own settings: %+v, %v", again, err)
	}
	one.stop()

	two := start(t, rooms[1])
	old := two.add("Yard", "rtsp://127.0.0.1:9/none")
	c := client(two)
	look, err := c.PutSettings(t.Context(), taken, true)
	text := strings.Join(look.Changes, "\n")
	for _, want := range []string{`Added: camera "Door"`, `Removed, as the file does not have them: camera "Yard"`, "calendars are those of the file: 1", "holidays", "relay's accounts are those of the file: 1", "stops for some seconds"} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%q is not in %v, %v", want, look.Changes, err)
		}
	}
	if len(look.LeftOut) != 1 || !strings.Contains(look.LeftOut[0], `camera "Door"`) {
		t.Errorf("left out: %v", look.LeftOut)
	}
	two.do("getCamera", "GET", "/v1/cameras/"+old, "", 200, "Yard")

	for what, change := range map[string][2]string{
		"an id that is a path":         {id, "../../etc"},
		"an address that is none":      {"rtsp://", "gopher://"},
		"a field of a later version":   {`"enabled":true`, `"enabled":true,"hologram":1`},
		"a calendar that is not there": {`"calendar":"` + made.ID, `"calendar":"cnone`},
		"a number out of bounds":       {`"postSeconds":10`, `"postSeconds":-1`},
		"an account's id":              {`"name":"wall"`, `"name":"WALL"`},
		"a calendar's name":            {`"name":"Nights"`, `"name":"Always"`},
		"a holiday's date":             {"2026-12-25", "2026-25-12"},
	} {
		bad := strings.ReplaceAll(string(taken), change[0], change[1])
		var refused *ask.Error
		if _, err := c.PutSettings(t.Context(), json.RawMessage(bad), false); bad == string(taken) || !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(refused.Detail.Message, "geheim") {
			t.Errorf("%s: the refusal tells the password: %s", what, refused.Detail.Message)
		}
	}
	two.do("getCamera", "GET", "/v1/cameras/"+old, "", 200, "Yard")

	if _, err := c.PutSettings(t.Context(), taken, false); err != nil {
		t.Fatal(err)
	}
	two.eventually("it starts again with the cameras of the file", func() bool {
		list, err := c.Cameras(t.Context())
		return err == nil && len(list) == 1 && list[0].ID == id && list[0].State.Status == api.CameraStateStatusLive
	})
	two.do("getCamera", "GET", "/v1/cameras/"+old, "", 404, "no_camera")
	two.do("listRelayAccounts", "GET", "/v1/relay/accounts", "", 200, `"wall"`)
	if got, err := c.Settings(t.Context()); err != nil || !slices.Equal(got, []byte(strings.ReplaceAll(string(taken), `"volume":"v1"`, `"volume":""`))) && !strings.Contains(string(got), id) {
		t.Errorf("%s, %v", got, err)
	}
	if strings.Contains(two.log.String(), "geheim") {
		t.Error("the log has the password")
	}
}

func TestOnlyWebIsGivenThePasswords(t *testing.T) {
	h := (&transfer{}).handler(http.NotFoundHandler())
	w := &status{}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://engine"+engineapi.SettingsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.ServeHTTP(w, r) // its peer is not known
	if w.code != http.StatusForbidden {
		t.Errorf("status %d", w.code)
	}
}

// status is a ResponseWriter that keeps the status alone.
type status struct{ code int }

func (*status) Header() http.Header         { return http.Header{} }
func (*status) Write(b []byte) (int, error) { return len(b), nil }
func (s *status) WriteHeader(code int)      { s.code = code }

var settingsCases = []string{
	`{}`,
	`{"cameras":[{"id":"k3f9x2ab","name":"Door","url":"rtsp://10.0.0.1/1","username":"a","password":"b","enabled":true,"transport":"auto","plan":{"volume":"v9"}}],"relay":{"settings":{"rtspPort":554,"rtspsPort":322,"multicastRange":"239.192.86.0/24","multicastPort":18600,"maxReaders":1}}}`,
	`{"cameras":[{"id":"../../etc","name":"x","url":"rtsp://10.0.0.1/1"}]}`,
	`{"cameras":[null,{},[]],"calendars":[{"id":"always","name":"x"}],"holidays":[{"date":"2026-02-30"}]}`,
	`{"calendars":[{"id":"c1","name":"Nights","week":{"monday":[{"from":"20:00","to":"24:00"}]}}],"relay":{"accounts":[{"id":"rk3f9x2ab","name":"wall"}]}}`,
}

// FuzzSettings: what is taken of a file is taken again as it was stored.
func FuzzSettings(f *testing.F) {
	for _, text := range settingsCases {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s settings
		if json.Unmarshal(b, &s) != nil {
			return
		}
		moving := &transfer{knows: func(string) bool { return false }}
		next, rows, _, err := moving.checked(s)
		if err != nil {
			return
		}
		for _, row := range rows {
			if !camera.ValidID(row.ID) || row.Plan.Volume != "" {
				t.Errorf("took %+v", row)
			}
			b, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			next.Cameras = append(next.Cameras, b)
		}
		again, same, out, err := moving.checked(next)
		if err != nil || !slices.Equal(rows, same) || len(changes(next, again, rows, same))+len(out.LeftOut) > 0 {
			t.Errorf("%+v is taken as %+v, and then as %+v, %+v, %v", s, rows, same, out, err)
		}
	})
}
