package config

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/sysconfig"
)

// once adds a change to a rig that is to be made once: the host name.
func (r *rig) once(t *testing.T) (told *[]error) {
	t.Helper()
	told = &[]error{}
	r.Once = &Once{Edit: func(c *sysconfig.Config) { c.Hostname = "reset" }, Told: func(err error) { *told = append(*told, err) }}
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	return told
}

func TestOnceIsInForceAtOnceAndWrittenOverTheNewestCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir)
		told := r.once(t)
		old, newest := newVolume(t, document(3, "old")), newVolume(t, document(4, "newest"))
		r.Attach("old", old)
		if got := r.applied[len(r.applied)-1].Hostname; got != "reset" {
			t.Errorf("applied is %q", got)
		}
		if d := onVolume(t, old, file); d.Generation != 3 || d.Config.Hostname != "old" {
			t.Errorf("written before all were heard: %+v", d) // it would be taken for as new as the other
		}
		r.Attach("newest", newest)
		go func() { _ = r.Run(t.Context()) }()
		synctest.Wait()
		if len(*told) != 0 {
			t.Error("made before the volumes were heard")
		}
		r.Settle()
		r.Settle()
		synctest.Wait()
		r.host(t, "reset")
		for _, path := range []string{old, newest} {
			if d := onVolume(t, path, file); d.Generation != 5 || d.Config.Hostname != "reset" {
				t.Errorf("%s: %+v", path, d)
			}
		}
		if len(*told) != 1 || (*told)[0] != nil {
			t.Errorf("told %v", *told)
		}
		if err := r.Change(setHost("by-hand")); err != nil {
			t.Fatal(err)
		}
		r.host(t, "by-hand")

		again := newRig(t, dir) // the service, in the same start
		told = again.once(t)
		again.host(t, "by-hand")
		if again.Once != nil || len(*told) != 0 {
			t.Error("made again when the service started again")
		}
		later := newRig(t, t.TempDir()) // and the machine, without the option
		later.Attach("newest", newest)
		later.host(t, "by-hand")
	})
}

func TestOnceWaitsForTheFirstConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		told := r.once(t)
		r.Settle()
		go func() { _ = r.Run(t.Context()) }()
		synctest.Wait()
		if len(*told) != 0 || r.current().Generation != 0 {
			t.Fatal("a configuration was made of nothing, which would push aside that of a disk that comes late")
		}
		late := newVolume(t, document(9, "late"))
		r.Attach("late", late)
		r.host(t, "reset")
		if d := onVolume(t, late, file); d.Generation != 10 || len(*told) != 1 {
			t.Errorf("%+v, told %v", d, *told)
		}
	})
}

func TestAChangeByHandComesAfterOnce(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.once(t)
	r.Settle()
	if err := r.Try(setHost("tried"), time.Hour, func(bool) {}); err != nil {
		t.Fatal(err)
	}
	if got := r.applied[len(r.applied)-1].Hostname; got != "tried" {
		t.Errorf("on trial is %q", got)
	}
	if err := r.RollBack(); err != nil {
		t.Fatal(err)
	}
	if got := r.applied[len(r.applied)-1].Hostname; got != "reset" {
		t.Errorf("gone back to %q", got)
	}
	if err := r.Change(setHost("by-hand")); err != nil {
		t.Fatal(err)
	}
	r.host(t, "by-hand")
}

func TestOnceThatNoDiskTakesIsToldAndStaysInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		told := r.once(t)
		v := newVolume(t, document(3, "old"))
		r.Attach("v", v)
		if err := os.RemoveAll(v); err != nil {
			t.Fatal(err)
		}
		r.Settle()
		go func() { _ = r.Run(t.Context()) }()
		synctest.Wait()
		if len(*told) != 1 || (*told)[0] == nil || r.Once == nil || r.InForce().Hostname != "reset" {
			t.Errorf("told %v, in force %q", *told, r.InForce().Hostname)
		}
	})
}
