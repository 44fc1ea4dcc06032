package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/manifest"
)

// exports tries what can be done with exports on a camera whose recording begins at startMs.
func (e *running) exports(id string, startMs int64) {
	e.t.Helper()
	e.do("listExports", "GET", "/v1/exports", "", 200, "[]")
	var key api.SigningKey
	if err := json.Unmarshal(e.do("getSigningKey", "GET", "/v1/exports/key", "", 200, `"fingerprint"`), &key); err != nil {
		e.t.Fatal(err)
	}
	ask := func(more string, status int, code string) []byte {
		return e.do("addExport", "POST", "/v1/exports", fmt.Sprintf(`{"fromMs":%d,"toMs":%d%s}`, startMs, startMs+1500, more), status, code)
	}
	ask(``, 400, `"no_camera"`)
	ask(`,"cameras":["nonsense/../"]`, 400, `"no_camera"`)
	cam := `,"cameras":["` + id + `"]`
	ask(cam+`,"stream":"third"`, 400, `"bad_stream"`)
	ask(cam+`,"medium":"none"`, 400, `"no_medium"`)
	ask(cam+`,"container":"avi"`, 400, `"bad_container"`)
	ask(cam+`,"splitMinutes":1441`, 400, `"bad_split"`)
	ask(cam+`,"splitBytes":5`, 400, `"bad_split"`)
	ask(cam+`,"note":"`+strings.Repeat("x", 257)+`"`, 400, `"bad_note"`)
	ask(`,"cameras":["`+id+`","`+id+`"]`, 400, `"bad_cameras"`)
	e.do("addExport", "POST", "/v1/exports", `{"cameras":["`+id+`"],"fromMs":5,"toMs":4}`, 400, `"bad_range"`)
	e.do("addExport", "POST", "/v1/exports", `{"cameras":["`+id+`"],"fromMs":5,"toMs":9999999999}`, 400, `"bad_range"`)
	e.do("addExport", "POST", "/v1/exports", `{"cameras":["`+id+`"],"fromMs":5,"toMs":6}`, 400, `The nearest recording of Gate is from `)
	e.do("getVerifyPage", "GET", "/v1/exports/verify.html", "", 200, "Is it as it was exported?")
	e.do("getExport", "GET", "/v1/exports/none", "", 404, `"no_export"`)
	e.do("getExportFile", "GET", "/v1/exports/none/file", "", 404, `"no_export"`)
	e.do("deleteExport", "DELETE", "/v1/exports/none", "", 404, `"no_export"`)

	var x api.Export
	if err := json.Unmarshal(ask(cam+`,"note":"case 4711"`, 201, `"by":"ann"`), &x); err != nil {
		e.t.Fatal(err)
	}
	e.eventually("the export is ready", func() bool {
		if err := json.Unmarshal(e.do("getExport", "GET", "/v1/exports/"+x.ID, "", 200, x.ID), &x); err != nil {
			e.t.Fatal(err)
		}
		return x.Status == api.ExportStatusReady
	})
	file := e.do("getExportFile", "GET", "/v1/exports/"+x.ID+"/file", "", 200, "matroska")
	document, err := manifest.Find(bytes.NewReader(file), int64(len(file)))
	if err != nil || int64(len(file)) != x.SizeBytes {
		e.t.Fatalf("%d bytes of %d, %v", len(file), x.SizeBytes, err)
	}
	m, err := manifest.Read(document)
	if err != nil || m.Key.Fingerprint() != key.Fingerprint || m.Export.By != "ann" || m.Export.Note != "case 4711" || m.Appliance != "vigie-test" || m.Camera.Name != "Gate" {
		e.t.Errorf("%+v, %v", m, err)
	}
	e.do("listExports", "GET", "/v1/exports", "", 200, `"status":"done"`)
	part := e.part("/v1/exports/"+x.ID+"/file", "bytes=100-199")
	if !bytes.Equal(part, file[100:200]) {
		e.t.Error("a range of it is another")
	}
	e.do("deleteExport", "DELETE", "/v1/exports/"+x.ID, "", 204, "")
	e.do("listExports", "GET", "/v1/exports", "", 200, "[]")

	if err := json.Unmarshal(ask(cam+`,"container":"mp4"`, 201, `"container":"mp4"`), &x); err != nil {
		e.t.Fatal(err)
	}
	e.eventually("the MP4 file is measured", func() bool {
		return bytes.Contains(e.do("getExport", "GET", "/v1/exports/"+x.ID, "", 200, x.ID), []byte(`"status":"ready"`))
	})
	if film := e.do("getExportFile", "GET", "/v1/exports/"+x.ID+"/file", "", 200, "vigie manifest 1"); string(film[4:12]) != "ftypisom" {
		e.t.Errorf("it begins with %q", film[:16])
	}
	e.do("deleteExport", "DELETE", "/v1/exports/"+x.ID, "", 204, "")
}

// part asks for a range of bytes.
func (e *running) part(path, which string) []byte {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), "GET", "http://engine"+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Range", which)
	resp, err := e.ask.Transport().RoundTrip(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusPartialContent {
		e.t.Fatalf("%s: %s, %v", which, resp.Status, err)
	}
	return b
}

// TestExportsSurviveARestart: the same bytes come out, signed with the same key, although recording has gone on.
func TestExportsSurviveARestart(t *testing.T) {
	for _, container := range []string{"mkv", "mp4"} {
		t.Run(container, func(t *testing.T) { surviveARestart(t, container) })
	}
}

func surviveARestart(t *testing.T, container string) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	e := start(t, room)
	e.do("getSigningKey", "GET", "/v1/exports/key", "", 503, `"no_key"`)
	e.do("addExport", "POST", "/v1/exports", `{"cameras":["x"],"fromMs":5,"toMs":6}`, 503, `"no_key"`)
	room.mount(volume(t, "v1"))
	id := e.add("Door", cam.URL)
	e.eventually("three seconds are recorded", func() bool {
		s := e.timeline(id).Segments
		return len(s) > 0 && s[0].EndMs-s[0].StartMs > 3000
	})
	from := e.timeline(id).Segments[0].StartMs
	var x api.Export
	if err := json.Unmarshal(e.do("addExport", "POST", "/v1/exports", fmt.Sprintf(`{"cameras":[%q],"fromMs":%d,"toMs":%d,"zip":true,"container":%q}`, id, from, from+86_400_000, container), 201, id), &x); err != nil {
		t.Fatal(err)
	}
	e.eventually("the export is ready", func() bool {
		return bytes.Contains(e.do("getExport", "GET", "/v1/exports/"+x.ID, "", 200, x.ID), []byte(`"status":"ready"`))
	})
	file := e.do("getExportFile", "GET", "/v1/exports/"+x.ID+"/file", "", 200, "SHA256SUMS")
	e.stop()
	e = start(t, room)
	if again := e.do("getExportFile", "GET", "/v1/exports/"+x.ID+"/file", "", 200, "SHA256SUMS"); !bytes.Equal(again, file) {
		t.Errorf("after a restart it is another: %d bytes, %d before", len(again), len(file))
	}
	tail := e.part("/v1/exports/"+x.ID+"/file", "bytes=-1000")
	if !bytes.Equal(tail, file[len(file)-1000:]) {
		t.Error("its end is another")
	}
	if bytes.Contains(e.log.Bytes(), []byte("seed")) {
		t.Error("the log has the key")
	}
}
