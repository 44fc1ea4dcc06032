package engine

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"vigie/internal/api"
)

// freePort is a port that nobody listened on a moment ago.
func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// relayAnswers tries what can be done with the relay, with a camera that is live.
func relayAnswers(e *running, id string) {
	e.t.Helper()
	e.do("getRelay", "GET", "/v1/relay", "", 200, `"enabled":false`)
	settings := func(port int, more string) string {
		return fmt.Sprintf(`{"enabled":true,"rtspPort":%d,"tls":false,"rtspsPort":322,"multicast":false,"multicastRange":"239.192.86.0/24","multicastPort":18600,"maxReaders":5%s}`, port, more)
	}
	e.do("putRelay", "PUT", "/v1/relay", settings(0, ""), 400, `"bad_port"`)
	e.do("putRelay", "PUT", "/v1/relay", settings(443, ""), 400, `"port_taken"`)
	e.do("putRelay", "PUT", "/v1/relay", settings(8554, `,"multicastRange":"10.0.0.0/8"`), 400, `"bad_range"`)
	e.do("putRelay", "PUT", "/v1/relay", settings(8554, `,"multicastPort":18601`), 400, `"bad_port"`)
	e.do("putRelay", "PUT", "/v1/relay", settings(8554, `,"maxReaders":0`), 400, `"bad_limit"`)
	port := freePort(e.t)
	e.do("putRelay", "PUT", "/v1/relay", settings(port, ""), 200, `"enabled":true`)
	e.eventually("the relay listens", func() bool {
		var r api.Relay
		return json.Unmarshal(e.do("getRelay", "GET", "/v1/relay", "", 200, ""), &r) == nil && r.Listening && r.Problem == ""
	})

	account := func(name, cameras, rights string, readers int, untilMs int64) string {
		return fmt.Sprintf(`{"name":%q,"allCameras":false,"cameras":%s,%s,"maxReaders":%d,"untilMs":%d}`, name, cameras, rights, readers, untilMs)
	}
	own, live := fmt.Sprintf("[%q]", id), `"live":true,"recordings":false`
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("Big", own, live, 1, 0), 400, `"bad_name"`)
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", "[]", live, 1, 0), 400, `"no_camera"`)
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", own, `"live":false,"recordings":false`, 1, 0), 400, `"no_right"`)
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", own, live, 0, 0), 400, `"bad_limit"`)
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", own, live, 1, 1000), 400, `"bad_time"`)
	e.do("listRelayAccounts", "GET", "/v1/relay/accounts", "", 200, "[]")
	var added, renewed api.RelayAccountSecret
	if err := json.Unmarshal(e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", own, live, 1, 0), 201, `"password"`), &added); err != nil {
		e.t.Fatal(err)
	}
	e.do("addRelayAccount", "POST", "/v1/relay/accounts", account("wall", own, live, 1, 0), 400, `"name_taken"`)
	e.do("listRelayAccounts", "GET", "/v1/relay/accounts", "", 200, `"wall"`)
	path := "/v1/relay/accounts/" + added.Account.ID
	e.do("putRelayAccount", "PUT", path, account("door", own, live, 1, 0), 400, `"name_fixed"`)
	e.do("putRelayAccount", "PUT", path, account("wall", own, live, 2, time.Now().Add(time.Hour).UnixMilli()), 200, `"maxReaders":2`)
	e.do("putRelayAccount", "PUT", path+"x", account("wall", own, live, 2, 0), 404, `"no_account"`)
	if err := json.Unmarshal(e.do("renewRelayPassword", "POST", path+"/password", "", 200, `"password"`), &renewed); err != nil {
		e.t.Fatal(err)
	}
	e.do("renewRelayPassword", "POST", path+"x/password", "", 404, `"no_account"`)
	if added.Password == renewed.Password || len(renewed.Password) != 20 {
		e.t.Errorf("passwords %q and %q", added.Password, renewed.Password)
	}

	e.do("listRelayReaders", "GET", "/v1/relay/readers", "", 200, "[]")
	cmd := exec.CommandContext(e.t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i",
		fmt.Sprintf("rtsp://wall:%s@127.0.0.1:%d/live/%s/main", renewed.Password, port, id), "-c", "copy", "-f", "null", "-")
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	var readers []api.RelayReader
	e.eventually("ffmpeg reads", func() bool {
		return json.Unmarshal(e.do("listRelayReaders", "GET", "/v1/relay/readers", "", 200, "["), &readers) == nil && len(readers) == 1 && readers[0].Bytes > 10_000
	})
	if r := readers[0]; r.Account != "wall" || r.Camera != id || r.Stream != "main" || r.Kind != "live" || r.Transport != "tcp" || r.Address != "127.0.0.1" {
		e.t.Errorf("%+v", r)
	}
	e.do("deleteRelayReader", "DELETE", "/v1/relay/readers/"+readers[0].ID, "", 204, "")
	e.do("deleteRelayReader", "DELETE", "/v1/relay/readers/x", "", 404, `"no_reader"`)
	_ = cmd.Wait() // it says that its connection has ended, or not
	e.do("deleteRelayAccount", "DELETE", path, "", 204, "")
	e.do("deleteRelayAccount", "DELETE", path, "", 404, `"no_account"`)
	e.do("listRelayAccounts", "GET", "/v1/relay/accounts", "", 200, "[]")
}
