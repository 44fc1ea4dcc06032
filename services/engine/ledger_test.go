package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/engine/internal/cameratest"
)

// TestMain is the engine itself when a test starts this binary to kill it.
func TestMain(m *testing.M) {
	asVerify()
	if args := os.Getenv("VIGIE_TEST_ENGINE"); args != "" {
		if err := Run(context.Background(), strings.Fields(args), io.Discard, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// darkLine passes TCP on until it goes dark: then nothing comes through, and nobody is told.
type darkLine struct {
	net.Listener
	to string

	mu   sync.Mutex
	dark bool
	live []net.Conn
}

func newDarkLine(t *testing.T, to string) *darkLine {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &darkLine{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); d.set(false) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(in)
		}
	}()
	return d
}

func (d *darkLine) pass(in net.Conn) {
	defer in.Close()
	d.mu.Lock()
	d.live = append(d.live, in)
	d.mu.Unlock()
	out, err := net.Dial("tcp", d.to)
	if err != nil {
		return
	}
	defer out.Close()
	go d.copy(out, in)
	d.copy(in, out)
}

func (d *darkLine) copy(to, from net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		d.mu.Lock()
		dark := d.dark
		d.mu.Unlock()
		if dark {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// set makes the line dark, or cuts what hangs in it and lets new connections through.
func (d *darkLine) set(dark bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dark = dark
	if !dark {
		for _, c := range d.live {
			c.Close()
		}
		d.live = nil
	}
}

// TestTheLedgerTellsInjectedCausesToTheSecond does to each of some cameras one thing, for a known time, then kills the
// engine, and holds what the ledger says against it.
func TestTheLedgerTellsInjectedCausesToTheSecond(t *testing.T) {
	video := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	room := newMachineRoom(t)
	v1 := volume(t, "v1")
	room.mount(v1)
	dir := t.TempDir()
	socket := filepath.Join(dir, "engine")
	boot := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "VIGIE_TEST_ENGINE=-socket "+socket+" -system "+room.socket+" -state "+dir)
		cmd.Stderr = t.Output()
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() })
		return cmd
	}
	engine := boot()
	client := ask.New("engine", socket)
	t.Cleanup(client.Close)
	call := func(method, path string, in, out any) error { return client.Call(t.Context(), method, path, in, out) }
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain for: %s", what)
			}
		}
	}
	await("the API", func() bool { var r api.Recording; return call("GET", "/v1/recording", nil, &r) == nil })

	refusing := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	silent := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	dark := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	well := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	gone := cameratest.Start(t, cameratest.CameraOptions{Video: video})
	host := func(c *cameratest.Camera) string {
		return strings.TrimSuffix(strings.TrimPrefix(c.URL, "rtsp://"), cameratest.Path)
	}
	line := newDarkLine(t, host(dark))
	ids := map[string]string{}
	add := func(name, url string) {
		var c api.Camera
		if err := call("POST", "/v1/cameras", api.CameraRequest{Name: name, URL: url, Enabled: true}, &c); err != nil {
			t.Fatal(err)
		}
		ids[name] = c.ID
	}
	add("refusing", refusing.URL)
	add("silent", silent.URL)
	add("dark", "rtsp://"+line.Addr().String()+cameratest.Path)
	add("disabled", well.URL)
	add("well", well.URL)
	add("gone", gone.URL)
	segments := func(name string) []api.Segment {
		now := time.Now().UnixMilli()
		var tl api.Timeline
		if err := call("GET", fmt.Sprintf("/v1/cameras/%s/timeline?fromMs=%d&toMs=%d", ids[name], now-3_600_000, now+1000), nil, &tl); err != nil {
			return nil
		}
		return tl.Segments
	}
	// recorded waits until footage of a camera from after an instant is on disk.
	recorded := func(after time.Time) {
		t.Helper()
		for name := range ids {
			if name == "gone" && after.After(time.Unix(0, 0)) {
				continue
			}
			await("footage of "+name, func() bool {
				s := segments(name)
				return len(s) > 0 && s[len(s)-1].EndMs > after.UnixMilli()+1000
			})
		}
	}
	recorded(time.Unix(0, 0))

	// What was injected: the ledger counts from the last frame that came to the first keyframe again.
	type injection struct {
		cause    api.GapCause
		from, to time.Time
	}
	injected := map[string][]injection{}
	enable := func(on bool) {
		if err := call("PUT", "/v1/cameras/"+ids["disabled"], api.CameraRequest{Name: "disabled", URL: well.URL, Enabled: on}, nil); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	refusing.Stop()
	gone.Stop()
	silent.Stall(true)
	line.set(true)
	enable(false)
	// A silent line is told from a silent camera once it does not take a connection either.
	await("the line is known to be dark", func() bool {
		var c api.Camera
		return call("GET", "/v1/cameras/"+ids["dark"], nil, &c) == nil && c.State.Code == "timeout"
	})
	ended := time.Now()
	cameratest.Start(t, cameratest.CameraOptions{Video: video, Address: host(refusing)})
	silent.Stall(false)
	line.set(false)
	enable(true)
	recorded(ended)
	resumed := func(name string) time.Time { // the first footage after
		for _, s := range segments(name) {
			if s.StartMs >= ended.UnixMilli()-1500 {
				return time.UnixMilli(s.StartMs)
			}
		}
		t.Fatalf("%s has no footage after", name)
		return time.Time{}
	}
	for name, cause := range map[string]api.GapCause{"refusing": api.GapCauseCameraOffline, "silent": api.GapCauseCameraOffline, "dark": api.GapCauseNetwork, "disabled": api.GapCauseCameraDisabled} {
		injected[name] = append(injected[name], injection{cause, began, resumed(name)})
	}

	// The engine is killed while one camera is gone.
	killed := time.Now()
	if err := engine.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = engine.Process.Wait()
	time.Sleep(4 * time.Second) // how long it is down is what is measured
	restarted := time.Now()
	boot()
	await("the API", func() bool { var r api.Recording; return call("GET", "/v1/recording", nil, &r) == nil })
	recorded(restarted)
	for name := range ids {
		if name == "gone" {
			continue
		}
		at := time.Time{}
		for _, s := range segments(name) {
			if at.IsZero() && s.StartMs > killed.UnixMilli() {
				at = time.UnixMilli(s.StartMs)
			}
		}
		injected[name] = append(injected[name], injection{api.GapCauseEngineRestart, killed, at})
	}
	await("the camera that is gone is noticed", func() bool {
		var c api.Camera
		return call("GET", "/v1/cameras/"+ids["gone"], nil, &c) == nil && c.State.Code == "refused"
	})
	injected["gone"] = []injection{{api.GapCauseCameraOffline, began, killed}, {api.GapCauseEngineRestart, killed, restarted}, {api.GapCauseCameraOffline, restarted, time.Now()}}

	var all []api.Coverage
	to := time.Now().UnixMilli()
	if err := call("GET", fmt.Sprintf("/v1/coverage?fromMs=%d&toMs=%d", to-3_600_000, to), nil, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(ids) {
		t.Fatalf("got %d ledgers", len(all))
	}
	for _, c := range all {
		name := ""
		for n, id := range ids {
			if id == c.Camera {
				name = n
			}
		}
		got, want := map[api.GapCause]int64{}, map[api.GapCause]int64{}
		for _, d := range c.Days {
			sum := d.RecordedMs
			for _, k := range d.Causes {
				got[k.Cause] += k.Ms
				sum += k.Ms
			}
			if sum != d.ScheduledMs || d.ScheduledMs+d.UnscheduledMs != d.EndMs-d.StartMs {
				t.Errorf("%s: %+v does not sum up", name, d)
			}
		}
		for _, i := range injected[name] {
			want[i.cause] += i.to.Sub(i.from).Milliseconds()
		}
		for cause, ms := range want {
			if d := got[cause] - ms; max(d, -d) > int64(len(injected[name]))*1000 {
				t.Errorf("%s: %d ms of %s, injected were %d", name, got[cause], cause, ms)
			}
			delete(got, cause)
		}
		if len(got) > 0 {
			b, _ := json.Marshal(c)
			t.Errorf("%s: causes that were not injected: %v\n%s", name, got, b)
		}
	}
}
