package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
)

// TestWhoIsLimitedToACameraMeetsNoOther asks for all that a user can who is no administrator, as one who may see the door only.
func TestWhoIsLimitedToACameraMeetsNoOther(t *testing.T) {
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	room := newMachineRoom(t)
	room.mount(volume(t, "v1"))
	e := start(t, room)
	door := e.add("Door", cameratest.Start(t, cameratest.CameraOptions{Video: video}).URL)
	vault := e.add("Vault", cameratest.Start(t, cameratest.CameraOptions{Video: video}).URL)
	segments := map[string]api.Segment{}
	for _, id := range []string{door, vault} {
		e.eventually("two seconds are on disk", func() bool {
			s := e.timeline(id).Segments
			if len(s) == 0 || s[0].EndMs < s[0].StartMs+2000 {
				return false
			}
			segments[id] = s[0]
			return true
		})
	}
	from := max(segments[door].StartMs, segments[vault].StartMs)
	exports, protections := map[string]string{}, map[string]string{}
	made := func(b []byte) string {
		var v struct{ ID string }
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		return v.ID
	}
	exportOf := func(cameras string) string {
		return fmt.Sprintf(`{"cameras":[%s],"fromMs":%d,"toMs":%d}`, cameras, from, from+1000)
	}
	protectionOf := func(camera string) string {
		return fmt.Sprintf(`{"camera":%q,"fromMs":%d,"toMs":%d,"reason":"theft"}`, camera, from, from+500)
	}
	for _, id := range []string{door, vault} {
		exports[id] = made(e.do("addExport", "POST", "/v1/exports", exportOf(`"`+id+`"`), 201, ""))
		protections[id] = made(e.do("addProtection", "POST", "/v1/protections", protectionOf(id), 201, ""))
	}
	exports["both"] = made(e.do("addExport", "POST", "/v1/exports", exportOf(`"`+door+`","`+vault+`"`), 201, ""))
	gone := e.add("Gone", "rtsp://127.0.0.1:9/")
	e.do("deleteCamera", "DELETE", "/v1/cameras/"+gone, "", 204, "")

	e.tried = map[string]bool{}
	e.only = &door
	// Lists hold what is about the door, and nothing of the vault.
	span := fmt.Sprintf("?fromMs=%d&toMs=%d", from, time.Now().UnixMilli())
	for _, c := range []struct{ operation, path string }{
		{"listCameras", "/cameras"},
		{"listCoverage", "/coverage" + span},
		{"listProtections", "/protections"},
		{"listExports", "/exports"},
	} {
		b := e.do(c.operation, "GET", "/v1"+c.path, "", 200, door)
		if bytes.Contains(b, []byte(vault)) || bytes.Contains(b, []byte("rtsp")) {
			t.Errorf("%s tells of the vault, or where the door's camera is: %s", c.operation, b)
		}
	}
	e.do("listPastCameras", "GET", "/v1/cameras/past", "", 200, "[]")
	if b := e.do("getCamera", "GET", "/v1/cameras/"+door, "", 200, door); bytes.Contains(b, []byte("rtsp")) {
		t.Errorf("the camera's address is told: %s", b)
	}
	// What is about one camera.
	for _, c := range []struct{ operation, method, path, body string }{
		{"getCamera", "GET", "", ""},
		{"live", "GET", "/live", ""},
		{"getTimeline", "GET", "/timeline" + span, ""},
		{"getOverview", "GET", "/overview" + span + "&resolutionMs=1000", ""},
		{"getDays", "GET", "/days" + span, ""},
		{"getCoverage", "GET", "/coverage" + span, ""},
		{"listTriggers", "GET", "/triggers" + span, ""},
		{"getMedia", "GET", fmt.Sprintf("/media?fromMs=%d&durationMs=500", from), ""},
		{"getKeyframe", "GET", fmt.Sprintf("/keyframe?atMs=%d", from+500), ""},
		{"addTrigger", "POST", "/triggers", `{"source":"api"}`},
		{"forceRecording", "POST", "/forced", `{"seconds":5}`},
		{"stopForcedRecording", "DELETE", "/forced", ""},
	} {
		e.do(c.operation, c.method, "/v1/cameras/"+vault+c.path, c.body, 404, `"no_camera"`)
	}
	e.do("getTimeline", "GET", "/v1/cameras/"+door+"/timeline"+span, "", 200, segments[door].ID)
	e.do("listProtections", "GET", "/v1/protections?camera="+vault, "", 400, `"no_camera"`)
	e.do("getSegmentFile", "GET", "/v1/segments/"+segments[vault].ID+"/file", "", 404, `"no_segment"`)
	e.do("getSegmentFile", "GET", "/v1/segments/"+segments[door].ID+"/file", "", 200, "matroska")
	e.do("addProtection", "POST", "/v1/protections", protectionOf(vault), 400, `"no_camera"`)
	e.do("putProtection", "PUT", "/v1/protections/"+protections[vault], `{"reason":"none"}`, 404, `"no_protection"`)
	e.do("deleteProtection", "DELETE", "/v1/protections/"+protections[vault], "", 404, `"no_protection"`)
	e.do("putProtection", "PUT", "/v1/protections/"+protections[door], `{"reason":"fire"}`, 200, "fire")
	e.do("deleteProtection", "DELETE", "/v1/protections/"+protections[door], "", 204, "")
	e.do("addExport", "POST", "/v1/exports", exportOf(`"`+door+`","`+vault+`"`), 400, `"no_camera"`)
	for _, id := range []string{exports[vault], exports["both"]} {
		e.do("getExport", "GET", "/v1/exports/"+id, "", 404, `"no_export"`)
		e.do("getExportFile", "GET", "/v1/exports/"+id+"/file", "", 404, `"no_export"`)
		e.do("deleteExport", "DELETE", "/v1/exports/"+id, "", 404, `"no_export"`)
	}
	e.do("getExport", "GET", "/v1/exports/"+exports[door], "", 200, exports[door])
	e.do("planDeletion", "POST", "/v1/deletions/plan", fmt.Sprintf(`{"cameras":[%q],"kinds":["standard"],"toMs":%d}`, vault, from), 400, `"no_camera"`)
	e.do("addDeletion", "POST", "/v1/deletions", `{"plan":"none","segments":1}`, 409, `"no_plan"`)
	e.do("listDeletions", "GET", "/v1/deletions", "", 200, "[]")
	e.do("stopDeletion", "DELETE", "/v1/deletions/none", "", 404, `"no_deletion"`)
	// These are about no camera.
	e.do("getSigningKey", "GET", "/v1/exports/key", "", 200, `"fingerprint"`)
	e.do("getVerifyPage", "GET", "/v1/exports/verify.html", "", 200, "html")
	for path, item := range e.spec.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "engine" && op.Extensions["x-right"] != nil && !e.tried[op.OperationID] {
				t.Errorf("%s %s is not tried", method, path)
			}
		}
	}

	// No camera at all is no camera; the lists are there, and empty.
	none := ""
	e.only = &none
	for _, path := range []string{"cameras", "protections", "exports"} {
		if b := e.do("list"+strings.ToUpper(path[:1])+path[1:], "GET", "/v1/"+path, "", 200, ""); string(bytes.TrimSpace(b)) != "[]" {
			t.Errorf("%s: %s", path, b)
		}
	}
	e.only = nil
	e.do("getExport", "GET", "/v1/exports/"+exports["both"], "", 200, exports["both"])
	e.do("deleteProtection", "DELETE", "/v1/protections/"+protections[vault], "", 204, "")
}
