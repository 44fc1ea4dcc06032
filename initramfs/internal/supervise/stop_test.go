package supervise

import (
	"log/slog"
	"testing"
	"time"
)

// stopping is a Supervisor in the middle of a stop whose services all run, or seem to: no processes are behind them.
func stopping(t *testing.T) (s *Supervisor, web, engine *service) {
	t.Helper()
	s = New(Config{
		Log: slog.New(slog.DiscardHandler), Timing: DefaultTiming(), StopOrder: [][]string{{"web", "ntp"}, {"engine"}},
		Services: []Service{{Name: "engine", StopLimit: 4 * time.Second}, {Name: "web", StopLimit: time.Second}, {Name: "ntp", StopLimit: time.Second}},
	})
	for _, sv := range s.services {
		sv.machine = newMachine(t0, s.cfg.Timing, sv.def.StopLimit)
		sv.machine.started(t0)
		sv.run = &run{service: sv}
	}
	s.stopping = true
	return s, s.find("web"), s.find("engine")
}

// TestAServiceThatCannotBeKilledHoldsUpNoStop: one that hangs in the kernel, on a disk, never ends.
func TestAServiceThatCannotBeKilledHoldsUpNoStop(t *testing.T) {
	s, web, engine := stopping(t)
	ntp := s.find("ntp")
	s.stopNext(at(10))
	expect(t, &web.machine, 10, actTerminate)
	expect(t, &ntp.machine, 10, actTerminate) // beside web: a level takes as long as its slowest
	ntp.run = nil
	ntp.machine.ended(at(10.1), "ended")
	s.stopNext(at(10.9))
	expect(t, &web.machine, 11, actKill)
	s.stopNext(at(11.1))
	if !web.machine.stopped || engine.machine.stopped {
		t.Fatal("the engine's turn came before web was given the time to die")
	}
	s.stopNext(at(11.2))
	expect(t, &engine.machine, 11.2, actTerminate)
}

func TestNothingIsStartedDuringAStop(t *testing.T) {
	s, _, engine := stopping(t)
	s.stopNext(at(10)) // web's turn
	engine.run = nil
	engine.machine.ended(at(10.1), "ended by signal 11 (segmentation fault)")
	if engine.machine.decide(at(10.7)) != actStart {
		t.Fatal("no start is due")
	}
	s.act(at(10.7), engine)
	if engine.run != nil || engine.machine.running || engine.machine.restarts != 1 {
		t.Errorf("it was started: %+v", engine.machine)
	}
}
