// Package httpapi answers the paths of internal/api/openapi.yaml that are tagged "system", over the service's unix
// socket. It reads and checks requests and words refusals; what is to be done is done by the parts it is given.
//
// It authenticates nobody: the socket's mode (0660, group vigie) and package callers say who may ask what, and web checks
// sessions before it proxies. Handlers run in net/http's goroutines.
package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/systemapi"
)

// longPoll is how long GET /status?after= waits for a change.
const longPoll = 30 * time.Second

// Board is where the state is read.
type Board interface {
	Status() api.Status
	Wait(ctx context.Context, after int64) api.Status
}

// Machine is what the API can have done. Errors that are an *answer.Problem reach the client as they are.
type Machine interface {
	// SetClock chooses the NTP servers, when they are asked, and the time zone; what is nil stays.
	SetClock(ctx context.Context, r api.ClockRequest) error
	ClockHistory() api.ClockHistory
	SetTimeServer(ctx context.Context, r api.TimeServerSettings) error
	Install(ctx context.Context, disk string, r api.InstallRequest) error
	Installation(ctx context.Context) (api.Installation, error)
	MountMedium(ctx context.Context, medium string) error
	EjectMedium(ctx context.Context, medium string) error
	Hosts() api.HostWatch
	SetHosts(ctx context.Context, r api.HostWatchRequest) error
	HostHistory(address string) (api.HostHistory, error)
	Firewall(ctx context.Context) (api.Firewall, error)
	SetRelayPorts(ctx context.Context, p api.RelayPorts) error
	Bandwidth(ctx context.Context) ([]api.Bandwidth, error)
	ConfigurationCopies() []api.ConfigurationCopy
	SetBandwidth(ctx context.Context, limits []api.BandwidthLimit) error
	Power(ctx context.Context, action api.PowerRequestAction) error
	RestartService(ctx context.Context, name string, atOnce bool) error
	StopService(ctx context.Context, name string) error
	StartService(ctx context.Context, name string) error
	ServiceLog(ctx context.Context, name string) ([]string, error)
	Memory() (api.Memory, error)
	TrialMachine
	DiskMachine
	SSHMachine
	DiagnosticMachine
	UpdateMachine
	ResetMachine
	TransferMachine
}

type server struct {
	board   Board
	machine Machine
	now     func() time.Time
	done    <-chan struct{}
}

// New returns the handler. When done is closed, waiting requests are answered at once, so that the service can stop.
func New(board Board, machine Machine, now func() time.Time, done <-chan struct{}) http.Handler {
	s := &server{board: board, machine: machine, now: now, done: done}
	return answer.Mux("system", answer.Routes{
		"GET /v1/status":                      s.status,
		"PUT /v1/clock":                       s.clock,
		"GET /v1/clock/history":               s.clockHistory,
		"PUT /v1/time-server":                 s.timeServer,
		"POST /v1/disks/{disk}/format":        s.format,
		"GET /v1/disks/{disk}/health":         s.diskHealth,
		"POST /v1/disks/{disk}/self-test":     s.testDisk,
		"POST /v1/volumes/{volume}/change":    s.changeVolume,
		"GET /v1/volumes/{volume}/report":     s.volumeReport,
		"POST /v1/arrays":                     s.createArray,
		"POST /v1/arrays/plan":                s.planArray,
		"PUT /v1/arrays/pace":                 s.recordingLag,
		"POST /v1/arrays/{array}/change":      s.changeArray,
		"GET /v1/disk-events":                 s.diskEvents,
		"POST /v1/disks/{disk}/install":       s.install,
		"GET /v1/installation":                s.installation,
		"GET /v1/update":                      s.update,
		"POST /v1/update/offers":              s.offerUpdate,
		"POST /v1/update/media/{medium}":      s.findUpdate,
		"PUT /v1/update/offers/{offer}/image": s.sendUpdate,
		"POST /v1/update/offers/{offer}/copy": s.copyUpdate,
		"POST /v1/update/try":                 s.tryUpdate,
		"DELETE /v1/update/try":               s.cancelUpdate,
		"POST /v1/media/{medium}/mount":       s.mountMedium,
		"POST /v1/media/{medium}/eject":       s.ejectMedium,
		"GET /v1/hosts":                       s.hosts,
		"PUT /v1/hosts":                       s.setHosts,
		"GET /v1/hosts/{address}/history":     s.hostHistory,
		"GET /v1/network":                     s.network,
		"PUT /v1/network":                     s.putNetwork,
		"POST /v1/network/confirm":            s.confirmNetwork,
		"POST /v1/network/rollback":           s.rollBackNetwork,
		"POST " + systemapi.StartNetworkPath:  s.startNetwork,
		"GET /v1/firewall":                    s.firewall,
		"PUT /v1/firewall":                    s.putFirewall,
		"POST /v1/firewall/confirm":           s.confirmFirewall,
		"POST /v1/firewall/rollback":          s.rollBackFirewall,
		"PUT /v1/firewall/relay":              s.setRelayPorts,
		"PUT /v1/web-port":                    s.putWebPort,
		"POST /v1/web-port/confirm":           s.confirmWebPort,
		"POST /v1/web-port/rollback":          s.rollBackWebPort,
		"GET /v1/bandwidth":                   s.bandwidth,
		"GET /v1/configuration/copies":        s.configurationCopies,
		"PUT /v1/bandwidth":                   s.setBandwidth,
		"GET /v1/ssh":                         s.ssh,
		"PUT /v1/ssh":                         s.setSSH,
		"POST /v1/ssh/keys":                   s.addSSHKey,
		"DELETE /v1/ssh/keys/{key}":           s.deleteSSHKey,
		"PUT /v1/ssh/shell":                   s.allowShell,
		"DELETE /v1/ssh/shell":                s.endShell,
		"GET " + systemapi.HostKeyPath:        s.sshHostKey,
		"POST " + systemapi.PingPath:          s.ping,
		"POST " + systemapi.TracePath:         s.trace,
		"POST " + systemapi.CapturePath:       s.capture,
		"POST /v1/power":                      s.power,
		"POST /v1/factory-reset":              s.factoryReset,
		"GET " + systemapi.SettingsPath:       s.settings,
		"PUT " + systemapi.SettingsPath:       s.putSettings,
		"POST /v1/services/{service}/restart": s.restart,
		"POST /v1/services/{service}/stop":    s.stopService,
		"POST /v1/services/{service}/start":   s.startService,
		"GET /v1/services/{service}/log":      s.log,
	})
}

func (s *server) status(w http.ResponseWriter, r *http.Request) error {
	status := s.board.Status()
	if q := r.URL.Query(); q.Has("after") {
		after, err := strconv.ParseInt(q.Get("after"), 10, 64)
		if err != nil {
			return answer.Field("after", "bad_revision", "The revision must be a whole number, as an earlier answer gave it.")
		}
		ctx, cancel := context.WithTimeout(r.Context(), longPoll)
		defer cancel()
		go func() {
			select {
			case <-s.done:
				cancel()
			case <-ctx.Done():
			}
		}()
		status = s.board.Wait(ctx, after)
	}
	memory, err := s.machine.Memory()
	if err != nil {
		return fmt.Errorf("read memory use: %w", err)
	}
	status.Memory = memory
	status.Clock.NowMs = s.now().UnixMilli()
	if t := &status.Trial; t.EndsMs != 0 {
		t.LeftMs = s.machine.TrialLeft().Milliseconds()
		t.EndsMs = status.Clock.NowMs + t.LeftMs
	}
	answer.JSON(w, http.StatusOK, status)
	return nil
}

func (s *server) clock(w http.ResponseWriter, r *http.Request) error {
	var req api.ClockRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if req.NtpServers == nil {
		return answer.Field("ntpServers", "missing", "Give the list of NTP servers; an empty list means those that DHCP gives.")
	}
	if err := s.machine.SetClock(r.Context(), req); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) clockHistory(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.machine.ClockHistory())
	return nil
}

func (s *server) timeServer(w http.ResponseWriter, r *http.Request) error {
	var req api.TimeServerSettings
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	return done(w, s.machine.SetTimeServer(r.Context(), req))
}

func (s *server) mountMedium(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.MountMedium(r.Context(), r.PathValue("medium")))
}

func (s *server) ejectMedium(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.machine.EjectMedium(r.Context(), r.PathValue("medium")))
}

func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (s *server) power(w http.ResponseWriter, r *http.Request) error {
	var req api.PowerRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if !req.Action.Valid() {
		return answer.Field("action", "bad_action", "The action must be poweroff or reboot.")
	}
	return accepted(w, s.machine.Power(r.Context(), req.Action))
}

func (s *server) restart(w http.ResponseWriter, r *http.Request) error {
	var req api.RestartRequest
	if r.ContentLength != 0 { // the body may be left out
		if err := answer.Read(w, r, &req); err != nil {
			return err
		}
	}
	return accepted(w, s.machine.RestartService(r.Context(), r.PathValue("service"), req.AtOnce))
}

func (s *server) stopService(w http.ResponseWriter, r *http.Request) error {
	return accepted(w, s.machine.StopService(r.Context(), r.PathValue("service")))
}

func (s *server) startService(w http.ResponseWriter, r *http.Request) error {
	return accepted(w, s.machine.StartService(r.Context(), r.PathValue("service")))
}

func accepted(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	return err
}

func (s *server) log(w http.ResponseWriter, r *http.Request) error {
	lines, err := s.machine.ServiceLog(r.Context(), r.PathValue("service"))
	if err != nil {
		return err
	}
	if lines == nil {
		lines = []string{}
	}
	answer.JSON(w, http.StatusOK, api.ServiceLog{Lines: lines})
	return nil
}

func (s *server) configurationCopies(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.machine.ConfigurationCopies())
	return nil
}
