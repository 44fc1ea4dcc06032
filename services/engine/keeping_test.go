package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"vigie/internal/api"
)

// deletions tries what can be done to recordings of a camera that has some.
func (e *running) deletions(id string) {
	e.t.Helper()
	e.do("listDeletions", "GET", "/v1/deletions", "", 200, "[]")
	plan := func(cameras string, toMs int64, status int, code string) []byte {
		e.t.Helper()
		return e.do("planDeletion", "POST", "/v1/deletions/plan", fmt.Sprintf(`{"cameras":[%s],"kinds":["standard","alarm"],"toMs":%d}`, cameras, toMs), status, code)
	}
	now := time.Now().UnixMilli()
	plan(`"../x"`, now, 400, `"no_camera"`)
	plan(``, now, 400, `"no_camera"`)
	plan(`"`+id+`"`, now+3_600_000, 400, `"bad_range"`)
	e.do("planDeletion", "POST", "/v1/deletions/plan", `{"cameras":["`+id+`"],"kinds":["all"],"toMs":5}`, 400, `"bad_kind"`)
	var p api.DeletionPlan
	if err := json.Unmarshal(plan(`"`+id+`"`, now, 200, `"plan"`), &p); err != nil || p.Segments == 0 {
		e.t.Fatalf("%+v, %v", p, err)
	}
	confirm := func(plan string, segments int64, status int, code string) []byte {
		e.t.Helper()
		return e.do("addDeletion", "POST", "/v1/deletions", fmt.Sprintf(`{"plan":%q,"segments":%d}`, plan, segments), status, code)
	}
	confirm("nonsense", p.Segments, 409, `"no_plan"`)
	var d api.Deletion
	if err := json.Unmarshal(confirm(p.Plan, p.Segments, 201, `"by":"ann"`), &d); err != nil {
		e.t.Fatal(err)
	}
	e.eventually("what was to go is gone", func() bool {
		return bytes.Contains(e.do("listDeletions", "GET", "/v1/deletions", "", 200, d.ID), []byte(`"status":"done"`))
	})
	e.do("stopDeletion", "DELETE", "/v1/deletions/"+d.ID, "", 409, `"ended"`)
	e.do("stopDeletion", "DELETE", "/v1/deletions/x", "", 404, `"no_deletion"`)
	if s := e.timeline(id).Segments; len(s) != 0 {
		e.t.Errorf("left of the camera: %+v", s)
	}
}

// repairs has the database repaired in each way.
func (e *running) repairs() {
	e.t.Helper()
	e.do("getRepair", "GET", "/v1/recording/repair", "", 200, `"none"`)
	e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"all"}`, 400, `"bad_action"`)
	for _, action := range []string{"check", "copies", "files"} {
		e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"`+action+`"}`, 202, `"by":"ann"`)
		if action == "files" { // it takes a second at least
			e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"check"}`, 409, `"running"`)
		}
		var r api.Repair
		e.eventually("the repair has ended", func() bool {
			if err := json.Unmarshal(e.do("getRepair", "GET", "/v1/recording/repair", "", 200, action), &r); err != nil {
				e.t.Fatal(err)
			}
			return r.Status != api.RepairStatusRunning
		})
		if r.Status != api.RepairStatusDone || len(r.Findings) == 0 || slices.ContainsFunc(r.Findings, func(f api.RepairFinding) bool { return f.Kind == api.RepairFindingKindBad }) {
			e.t.Errorf("%s: %+v", action, r)
		}
	}
}

// protections tries what can be done with protections and usage on a camera whose recording begins at startMs.
func (e *running) protections(id string, startMs int64) {
	e.t.Helper()
	e.do("listUsage", "GET", "/v1/recording/usage", "", 200, `"promise":"none"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, "[]")
	e.do("listProtections", "GET", "/v1/protections?camera=x", "", 400, `"no_camera"`)
	ask := func(camera string, from, to int64, more string, status int, code string) []byte {
		return e.do("addProtection", "POST", "/v1/protections", fmt.Sprintf(`{"camera":%q,"fromMs":%d,"toMs":%d%s}`, camera, from, to, more), status, code)
	}
	why := `,"reason":"burglary"`
	ask(id, startMs, startMs+1000, ``, 400, `"no_reason"`)
	ask(id, startMs, startMs, why, 400, `"bad_range"`)
	ask(id, startMs-10_000_000, startMs-9_000_000, why, 400, `"nothing_there"`)
	ask(id, startMs, startMs+1000, why+`,"untilMs":5`, 400, `"bad_time"`)
	ask("aaaaaaaa", startMs, startMs+1000, why, 400, `"nothing_there"`)
	ask("nonsense/../", startMs, startMs+1000, why, 400, `"no_camera"`)
	var p api.Protection
	if err := json.Unmarshal(ask(id, startMs, startMs+1000, why, 201, `"by":"ann"`), &p); err != nil {
		e.t.Fatal(err)
	}
	e.do("listProtections", "GET", "/v1/protections?camera="+id, "", 200, p.ID)
	e.do("listProtections", "GET", "/v1/protections?camera=aaaaaaaa", "", 200, "[]")
	if got := e.timeline(id).Protections; len(got) != 1 || got[0].ID != p.ID {
		e.t.Errorf("in the timeline: %+v", got)
	}
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":""}`, 400, `"no_reason"`)
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":"theft","untilMs":5}`, 400, `"bad_time"`)
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":"theft"}`, 200, `"changedBy":"ann"`)
	e.do("putProtection", "PUT", "/v1/protections/x", `{"reason":"theft"}`, 404, `"no_protection"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, `"reason":"theft"`)
	e.do("deleteProtection", "DELETE", "/v1/protections/"+p.ID, "", 204, "")
	e.do("deleteProtection", "DELETE", "/v1/protections/"+p.ID, "", 404, `"no_protection"`)
	e.do("deleteProtection", "DELETE", "/v1/protections/x", "", 404, `"no_protection"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, "[]")
}
