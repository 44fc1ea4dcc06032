package supervise

import (
	"testing"
	"time"

	"vigie/internal/initctl"
)

var t0 = time.Unix(1_000_000, 0)

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

func fresh() machine {
	m := newMachine(t0, DefaultTiming(), 5*time.Second)
	return m
}

func expect(t *testing.T, m *machine, when float64, want action) {
	t.Helper()
	if got := m.decide(at(when)); got != want {
		t.Errorf("at %v s: action %d, want %d (%s, %q)", when, got, want, m.status, m.reason)
	}
}

func TestPauseDoublesToItsLimitAndIsForgottenAfterHealth(t *testing.T) {
	m := fresh()
	now := 0.0
	for _, want := range []float64{0.5, 1, 2, 4, 8, 16, 30, 30} {
		expect(t, &m, now, actStart)
		m.started(at(now))
		if pause := m.ended(at(now+1), "ended with status 1"); pause.Seconds() != want {
			t.Errorf("pause %v, want %v s", pause, want)
		}
		if m.status != initctl.StatusBackoff || m.reason != "ended with status 1" {
			t.Errorf("%s, %q", m.status, m.reason)
		}
		expect(t, &m, now+1+want-0.001, actNothing)
		now += 1 + want
	}
	if m.restarts != 8 {
		t.Errorf("%d restarts", m.restarts)
	}
	// 59 s of health are too few, 60 enough; health is counted without a break.
	m.started(at(now))
	m.answered(at(now), 1, "")
	if pause := m.ended(at(now+59), "x"); pause != 30*time.Second {
		t.Errorf("after 59 s of health: %v", pause)
	}
	m.started(at(now + 100))
	m.answered(at(now+100), 1, "")
	m.answered(at(now+150), 1, "disk")
	m.answered(at(now+151), 1, "")
	if pause := m.ended(at(now+170), "x"); pause != 30*time.Second {
		t.Errorf("after health with a break: %v", pause)
	}
	m.started(at(now + 200))
	m.answered(at(now+200), 1, "")
	if pause := m.ended(at(now+260), "x"); pause != 500*time.Millisecond {
		t.Errorf("after 60 s of health: %v", pause)
	}
}

func TestReadinessIsTheFirstOK(t *testing.T) {
	m := fresh()
	m.started(t0)
	if m.answered(at(1), 0, "opening the index") || m.status != initctl.StatusStarting || m.reason != "opening the index" {
		t.Errorf("%s, %q", m.status, m.reason)
	}
	if !m.answered(at(2), 7, "") || m.status != initctl.StatusReady || m.progress != 7 || !m.since.Equal(at(2)) {
		t.Errorf("%+v", m)
	}
	if m.answered(at(4), 8, "") || !m.since.Equal(at(2)) {
		t.Error("ready twice")
	}
}

func TestServiceThatHangsIsKilledOnce(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	expect(t, &m, 5, actNothing)
	if m.status != initctl.StatusReady {
		t.Errorf("after one missed answer: %s", m.status)
	}
	expect(t, &m, 6.5, actNothing)
	if m.status != initctl.StatusUnhealthy {
		t.Errorf("after two: %s", m.status)
	}
	expect(t, &m, 10.9, actNothing)
	expect(t, &m, 11, actKill)
	expect(t, &m, 12, actNothing)
	if m.answered(at(12), 2, "") {
		t.Error("a killed service became ready")
	}
	m.ended(at(13), "ended by signal 9 (killed)")
	if want := "not healthy for 10s: does not answer"; m.reason != want {
		t.Errorf("reason %q, want %q", m.reason, want)
	}
}

func TestServiceThatOnlyComplainsIsKilled(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	for s := 3.0; s < 11; s += 2 {
		m.answered(at(s), 0, "no disk takes the frames")
		expect(t, &m, s, actNothing)
	}
	expect(t, &m, 11, actKill)
	if want := "not healthy for 10s: no disk takes the frames"; m.reason != want {
		t.Errorf("reason %q", m.reason)
	}
}

func TestStartHasALimitOfItsOwn(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(50), 0, "waiting for the disks")
	expect(t, &m, 59.9, actNothing)
	expect(t, &m, 60, actKill)
}

func TestStopIsTermThenKill(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	m.stop(at(10))
	m.stop(at(11)) // asked twice changes nothing
	expect(t, &m, 10, actTerminate)
	expect(t, &m, 14.9, actNothing)
	expect(t, &m, 15, actKill)
	if pause := m.ended(at(15.1), "ended by signal 9 (killed)"); pause != 0 || m.status != initctl.StatusStopped {
		t.Errorf("%v, %s", pause, m.status)
	}
	expect(t, &m, 100, actNothing)
	m.restart(at(101), false)
	expect(t, &m, 102, actNothing)
}

func TestStopDuringAPauseStaysStopped(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.ended(at(1), "x")
	m.stop(at(1.2))
	expect(t, &m, 2, actNothing)
	if m.status != initctl.StatusStopped {
		t.Error(m.status)
	}
}

func TestRestartOnRequestHasNoPause(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	m.restart(at(2), false)
	expect(t, &m, 2, actTerminate)
	if pause := m.ended(at(3), "ended with status 0"); pause != 0 {
		t.Errorf("pause %v", pause)
	}
	expect(t, &m, 3, actStart)
	m.started(at(3))
	if pause := m.ended(at(4), "x"); pause != 500*time.Millisecond {
		t.Errorf("the request was taken for a fault: %v", pause)
	}
	m.restart(at(4.1), false) // in the pause: at once
	expect(t, &m, 4.1, actStart)
}

func TestRestartByForceKillsAtOnceAndIsForgotten(t *testing.T) {
	m := fresh()
	m.restart(t0, true) // not running yet: nothing to kill
	m.started(t0)
	m.answered(at(1), 1, "")
	expect(t, &m, 1, actNothing)
	m.restart(at(2), true)
	expect(t, &m, 2, actKill)
	if pause := m.ended(at(2), "killed"); pause != 0 {
		t.Errorf("pause %v", pause)
	}
	expect(t, &m, 2, actStart)
	m.started(at(2))
	m.restart(at(3), false)
	expect(t, &m, 3, actTerminate)
	m.restart(at(3.1), true) // it does not end: now by force
	expect(t, &m, 3.1, actKill)
}

func TestAServiceThatIsHeldRunsAgainOnlyWhenAsked(t *testing.T) {
	ready := func() machine {
		m := fresh()
		m.started(t0)
		m.answered(at(1), 1, "")
		m.hold(at(2))
		return m
	}
	m := ready()
	if m.status != initctl.StatusStopped || m.reason != heldReason {
		t.Errorf("%s, %q", m.status, m.reason)
	}
	expect(t, &m, 2, actTerminate)
	expect(t, &m, 7.1, actKill) // it has its time to end, and no more
	if pause := m.ended(at(8), "signal: killed"); pause != 0 || m.status != initctl.StatusStopped || m.restarts != 0 {
		t.Errorf("pause %v, %s, %d restarts", pause, m.status, m.restarts)
	}
	expect(t, &m, 1000, actNothing)
	m.start(at(1001))
	expect(t, &m, 1001, actStart)

	// Asked to start before it has ended, it starts once it has.
	m = ready()
	expect(t, &m, 2, actTerminate)
	m.start(at(3))
	expect(t, &m, 3, actNothing)
	m.ended(at(4), "")
	expect(t, &m, 4, actStart)

	// A restart ends it, too; and so does it wait no longer for its pause.
	m = ready()
	m.ended(at(3), "")
	m.restart(at(4), false)
	expect(t, &m, 4, actStart)
	m = fresh()
	m.started(t0)
	m.ended(at(1), "x")
	m.hold(at(1.1))
	expect(t, &m, 100, actNothing)
	m.start(at(100))
	expect(t, &m, 100, actStart)
	m.started(at(100))
	m.start(at(101)) // it runs
	expect(t, &m, 101, actNothing)

	// The end of the machine is for good.
	m = ready()
	m.ended(at(3), "")
	m.stop(at(4))
	m.start(at(5))
	expect(t, &m, 6, actNothing)
}

func TestAStandstillOfInitIsNotTheServicesFault(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	m.forgive(30 * time.Second)
	expect(t, &m, 32, actNothing)
	expect(t, &m, 41, actKill)
}

// TestAStartThatFailsAfterARequestHasItsPause: what was asked of the last run must not stick to a start that fails.
func TestAStartThatFailsAfterARequestHasItsPause(t *testing.T) {
	m := fresh()
	m.started(t0)
	m.answered(at(1), 1, "")
	m.restart(at(2), false)
	expect(t, &m, 2, actTerminate)
	m.ended(at(3), "ended with status 0")
	expect(t, &m, 3, actStart)
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second} {
		if pause := m.ended(at(4+float64(i)), "could not be started"); pause != want {
			t.Errorf("pause %v, want %v", pause, want)
		}
	}
	if m.status != initctl.StatusBackoff || m.reason != "could not be started" {
		t.Errorf("%s, %q", m.status, m.reason)
	}
}

func TestAStartThatFailsAfterAKillSaysWhyItself(t *testing.T) {
	m := fresh()
	m.started(t0)
	expect(t, &m, 60, actKill)
	m.ended(at(61), "ended by signal 9 (killed)")
	m.ended(at(62), "could not be started")
	if m.reason != "could not be started" {
		t.Errorf("reason %q", m.reason)
	}
}
