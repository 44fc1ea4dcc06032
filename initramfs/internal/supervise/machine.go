package supervise

import (
	"fmt"
	"time"

	"vigie/internal/initctl"
)

// action is what a machine wants done now.
type action int

const (
	actNothing action = iota
	actStart
	actTerminate // SIGTERM to the process group
	actKill      // SIGKILL to every process of the service
)

// stuckAfter is how long a killed process may take to be gone before a stop goes on without it. With the services' own
// limits it must fit into what a shutdown has for services.
const stuckAfter = 200 * time.Millisecond

// machine is the state of one service. All times are handed in.
type machine struct {
	timing    Timing
	stopLimit time.Duration

	status   string // initctl.Status…
	reason   string
	since    time.Time
	restarts int
	progress uint64

	running   bool
	startedAt time.Time // of this run
	lastOK    time.Time // zero: not yet in this run
	readyAt   time.Time // since when healthy without a break; zero: not healthy
	everReady bool      // in any run

	startAt time.Time     // when not running: not before
	backoff time.Duration // the next pause; zero: a first one
	killed  bool          // SIGKILL was sent to this run
	killAt  time.Time     // and when
	blame   string        // why, for when it has ended
	termAt  time.Time     // SIGTERM was due; zero: not asked to end
	termed  bool          // and sent
	force   bool          // not to be given the time to end by itself
	held    bool          // must not run until it is asked to
	stopped bool          // must not run any more
}

func newMachine(now time.Time, timing Timing, stopLimit time.Duration) machine {
	return machine{timing: timing, stopLimit: stopLimit, status: initctl.StatusStarting, since: now, startAt: now}
}

func (m *machine) become(now time.Time, status, reason string) {
	if m.status != status {
		m.since = now
	}
	m.status, m.reason = status, reason
}

// decide says what is due.
func (m *machine) decide(now time.Time) action {
	if !m.running {
		if m.stopped || m.held || now.Before(m.startAt) {
			return actNothing
		}
		return actStart
	}
	if m.killed {
		return actNothing
	}
	if !m.termAt.IsZero() {
		if m.force {
			return m.kill(now, "asked to end at once")
		}
		if !m.termed {
			m.termed = true
			return actTerminate
		}
		if now.Sub(m.termAt) >= m.stopLimit {
			return m.kill(now, fmt.Sprintf("did not stop within %v", m.stopLimit))
		}
		return actNothing
	}
	switch {
	case m.lastOK.IsZero() && now.Sub(m.startedAt) >= m.timing.StartLimit:
		return m.kill(now, fmt.Sprintf("not ready within %v%s", m.timing.StartLimit, m.because()))
	case !m.lastOK.IsZero() && now.Sub(m.lastOK) >= m.timing.AnswerLimit:
		return m.kill(now, fmt.Sprintf("not healthy for %v%s", m.timing.AnswerLimit, m.because()))
	case m.status == initctl.StatusReady && now.Sub(m.lastOK) >= 2*m.timing.Ask+m.timing.Ask/2:
		m.readyAt = time.Time{}
		m.become(now, initctl.StatusUnhealthy, "does not answer")
	}
	return actNothing
}

func (m *machine) because() string {
	if m.reason == "" {
		return ""
	}
	return ": " + m.reason
}

func (m *machine) kill(now time.Time, why string) action {
	m.killed, m.killAt, m.blame = true, now, why
	m.readyAt = time.Time{}
	if m.status != initctl.StatusStopped {
		m.become(now, initctl.StatusUnhealthy, why)
	}
	return actKill
}

// started tells of a new process.
func (m *machine) started(now time.Time) {
	m.running, m.startedAt, m.lastOK, m.readyAt = true, now, time.Time{}, time.Time{}
	m.progress = 0
	m.become(now, initctl.StatusStarting, "")
}

// answered tells of a health answer; reason is empty for "ok". It reports whether this made the service ready.
func (m *machine) answered(now time.Time, progress uint64, reason string) (becameReady bool) {
	if !m.running || m.killed || !m.termAt.IsZero() {
		return false
	}
	if reason != "" {
		m.readyAt = time.Time{}
		if m.lastOK.IsZero() {
			m.reason = reason // still starting
		} else {
			m.become(now, initctl.StatusUnhealthy, reason)
		}
		return false
	}
	becameReady = m.status != initctl.StatusReady
	m.lastOK, m.progress, m.everReady = now, progress, true
	if m.readyAt.IsZero() {
		m.readyAt = now
	}
	m.become(now, initctl.StatusReady, "")
	return becameReady
}

// ended tells that the process is gone, or that it could not be started, and why. It returns the pause until the next
// start.
func (m *machine) ended(now time.Time, why string) (pause time.Duration) {
	asked := !m.termAt.IsZero()
	if m.blame != "" {
		why = m.blame
	}
	if !m.readyAt.IsZero() && now.Sub(m.readyAt) >= m.timing.Forget {
		m.backoff = 0
	}
	m.running, m.readyAt, m.lastOK = false, time.Time{}, time.Time{}
	// What was asked of this run is not asked of the next, even if that one cannot be started.
	m.killed, m.blame, m.termAt, m.termed, m.force = false, "", time.Time{}, false, false
	if m.stopped {
		m.become(now, initctl.StatusStopped, "")
		return 0
	}
	if m.held {
		m.become(now, initctl.StatusStopped, heldReason)
		return 0
	}
	m.restarts++
	if asked {
		m.startAt = now
		m.become(now, initctl.StatusBackoff, "restarted on request")
		return 0
	}
	if m.backoff == 0 {
		m.backoff = m.timing.BackoffMin
	}
	pause = m.backoff
	m.backoff = min(2*m.backoff, m.timing.BackoffMax)
	m.startAt = now.Add(pause)
	m.become(now, initctl.StatusBackoff, why)
	return pause
}

// restart asks for the service to be stopped, by force or in order, and started again, without a pause.
func (m *machine) restart(now time.Time, force bool) {
	m.held = false
	m.force = m.force || force && m.running && !m.stopped
	switch {
	case m.stopped:
	case m.running && m.termAt.IsZero():
		m.termAt = now
		m.readyAt = time.Time{}
		m.become(now, initctl.StatusUnhealthy, "restarting on request")
	case !m.running:
		m.startAt = now
	}
}

const (
	heldReason  = "stopped on request"
	sleepReason = "runs only when it is asked for"
)

// sleep keeps a service from starting before start or restart asks for it.
func (m *machine) sleep(now time.Time) {
	m.held = true
	m.become(now, initctl.StatusStopped, sleepReason)
}

// hold asks for the service to end, and not to run until start or restart.
func (m *machine) hold(now time.Time) {
	if m.stopped || m.held {
		return
	}
	m.held = true
	m.readyAt = time.Time{}
	m.become(now, initctl.StatusStopped, heldReason)
	if m.running && m.termAt.IsZero() {
		m.termAt = now
	}
}

// start lets a service run again that is held; one that runs is left alone.
func (m *machine) start(now time.Time) {
	if m.stopped || !m.held {
		return
	}
	m.held = false
	m.startAt, m.backoff = now, 0
	m.become(now, initctl.StatusStarting, "")
}

// stop asks for the service to end for good.
func (m *machine) stop(now time.Time) {
	if m.stopped {
		return
	}
	m.stopped = true
	m.readyAt = time.Time{}
	m.become(now, initctl.StatusStopped, "")
	if m.running && m.termAt.IsZero() {
		m.termAt = now
	}
}

// stuck says that the service was killed a while ago and has not ended: its process hangs in the kernel.
func (m *machine) stuck(now time.Time) bool {
	return m.running && m.killed && now.Sub(m.killAt) >= stuckAfter
}

// forgive moves the limits by a time in which the loop itself did not turn: it is not the service's fault.
func (m *machine) forgive(gap time.Duration) {
	for _, t := range []*time.Time{&m.startedAt, &m.lastOK, &m.termAt, &m.killAt} {
		if !t.IsZero() {
			*t = t.Add(gap)
		}
	}
}
