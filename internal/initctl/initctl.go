// Package initctl is the control of init: the requests it takes and the client that sends them.
//
// Over a unix stream socket that only root may use, the client writes one Request as JSON on a line, init answers one
// Response as JSON on a line and closes. There is no other state: a Client is an address and may be used by many
// goroutines.
//
// The package must not act on anything; init does. Because init links it, it imports neither package net nor anything
// that does.
package initctl

import (
	"fmt"
	"slices"
)

// DefaultSocket is where init listens on the appliance.
const DefaultSocket = "/run/vigie/init/control.sock"

// Longest lines with their newline, in bytes. The longest response is a full log, escaped.
const (
	MaxRequest  = 1024
	MaxResponse = 8 << 20
)

// The operations.
const (
	OpStatus   = "status"   // what runs and how
	OpRestart  = "restart"  // stop Service and start it again
	OpKill     = "kill"     // the same, without giving it the time to end by itself
	OpStop     = "stop"     // stop Service until it is started, or the machine is
	OpStart    = "start"    // start Service, which was stopped
	OpLog      = "log"      // the newest lines of Service's log; Service "init" is init's own
	OpPowerOff = "poweroff" // stop everything, power off
	OpReboot   = "reboot"   // stop everything, start again
)

var (
	ofService  = []string{OpRestart, OpKill, OpStop, OpStart, OpLog}
	operations = append([]string{OpStatus, OpPowerOff, OpReboot}, ofService...)
)

// Request is what a client asks of init.
type Request struct {
	Op      string `json:"op"`
	Service string `json:"service,omitempty"`
}

// Validate says whether the request makes sense by itself.
func (r Request) Validate() error {
	switch {
	case !slices.Contains(operations, r.Op):
		return fmt.Errorf("unknown operation %q", r.Op)
	case r.Service == "" && slices.Contains(ofService, r.Op):
		return fmt.Errorf("operation %q needs a service", r.Op)
	}
	return nil
}

// Response answers a Request. Error is empty when it was done; then the field of the operation is set.
type Response struct {
	Error  string   `json:"error,omitempty"`
	Status *Status  `json:"status,omitempty"`
	Lines  []string `json:"lines,omitempty"` // oldest first
}

// Status is the machine as init sees it.
type Status struct {
	Version  string    `json:"version"`
	UptimeMs int64     `json:"uptimeMs"`
	Ready    bool      `json:"ready"` // every service has been ready at least once
	Services []Service `json:"services"`
	Watchdog Watchdog  `json:"watchdog"`
	// Firmware lists the files that drivers asked for and the image does not have, by their kernel names.
	Firmware []string `json:"missingFirmware,omitempty"`
}

// The states of a service, as in the API.
const (
	StatusStarting  = "starting"  // its process runs and has not been healthy yet
	StatusReady     = "ready"     // healthy
	StatusUnhealthy = "unhealthy" // says it is not well, or does not answer; restarted if that lasts
	StatusBackoff   = "backoff"   // ended by itself or was killed; starts again after a pause
	StatusStopped   = "stopped"   // shutting down
)

// Service is the state of one service.
type Service struct {
	Name        string `json:"name"`
	Status      string `json:"status"`
	Reason      string `json:"reason,omitempty"` // why it is not ready, for people
	PID         int    `json:"pid,omitempty"`
	SinceMs     int64  `json:"sinceMs"` // since when in this status, Unix time
	Restarts    int    `json:"restarts"`
	Stoppable   bool   `json:"stoppable,omitempty"` // OpStop is not refused
	OnDemand    bool   `json:"onDemand,omitempty"`  // it starts by OpStart alone, not with the machine
	Progress    uint64 `json:"progress"`            // as it last said
	MemoryBytes int64  `json:"memoryBytes"`         // of its cgroup; 0 when not known
}

// Watchdog is the state of the hardware watchdog.
type Watchdog struct {
	Device   string `json:"device,omitempty"`   // empty: none
	Identity string `json:"identity,omitempty"` // what the driver calls itself
	Software bool   `json:"software"`           // softdog: does not survive a kernel that hangs
	TimeoutS int    `json:"timeoutS,omitempty"`
	Fed      bool   `json:"fed"`
	Reason   string `json:"reason,omitempty"` // why there is none or why it is not fed
}
