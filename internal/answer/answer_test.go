package answer

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vigie/internal/api"
)

func TestReadRefusesWhatIsNotExactlyOneKnownObject(t *testing.T) {
	for _, c := range []struct {
		name, body, code string
	}{
		{"good", `{"action":"reboot"}`, ""},
		{"empty", ``, "bad_json"},
		{"unknown field", `{"action":"reboot","force":true}`, "bad_json"},
		{"two values", `{"action":"reboot"}{}`, "bad_json"},
		{"wrong type", `{"action":7}`, "bad_json"},
		{"too large", `{"action":"` + strings.Repeat("x", MaxBody) + `"}`, "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v api.PowerRequest
			err := Read(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(c.body)), &v)
			if c.code == "" {
				if err != nil || v.Action != api.PowerRequestActionReboot {
					t.Fatalf("got %v, %v", v, err)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) || p.Detail.Code != c.code {
				t.Fatalf("got %v, want code %s", err, c.code)
			}
		})
	}
}

func TestFailKeepsAProblemsStatusAndShape(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, errors.Join(errors.New("add camera"), Field("url", "bad_url", "Write it as rtsp://host/path.")))
	var e api.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusBadRequest || e.Field != "url" || e.Code != "bad_url" {
		t.Fatalf("got %d %+v", w.Code, e)
	}
	w = httptest.NewRecorder()
	Fail(w, errors.New("boom"))
	if w.Code != http.StatusInternalServerError {
		t.Fatalf("got %d", w.Code)
	}
}

func TestMuxAnswersErrorsOfHandlersAndUnknownPaths(t *testing.T) {
	h := Mux("test", Routes{
		"GET /v1/good": func(w http.ResponseWriter, _ *http.Request) error { JSON(w, http.StatusOK, 1); return nil },
		"GET /v1/bad":  func(http.ResponseWriter, *http.Request) error { return Field("x", "bad_x", "No.") },
	})
	for path, want := range map[string]string{"/v1/good": "1", "/v1/bad": `"bad_x"`, "/v1/other": `"not_found"`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
