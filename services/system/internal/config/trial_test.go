package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/sysconfig"
)

// inForce checks what was applied last.
func (r *rig) inForce(t *testing.T, want string) {
	t.Helper()
	if got := r.applied[len(r.applied)-1].Hostname; got != want {
		t.Errorf("%q is in force, want %q", got, want)
	}
}

func TestATrialThatNobodyConfirmsIsRolledBackAndLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		volume := newVolume(t, nil)
		r.Attach("v", volume)
		if err := r.Change(setHost("before")); err != nil {
			t.Fatal(err)
		}
		var kept []bool
		if err := r.Try(setHost("trial"), time.Minute, func(k bool) { kept = append(kept, k) }); err != nil {
			t.Fatal(err)
		}
		r.inForce(t, "trial")
		if r.Config().Hostname != "before" || onVolume(t, volume, file).Config.Hostname != "before" {
			t.Error("a trial was saved")
		}
		// Another part of the configuration may change meanwhile, and stays changed.
		if err := r.Change(func(c *sysconfig.Config) { c.TimeZone = "Asia/Tokyo" }); err != nil {
			t.Fatal(err)
		}
		r.inForce(t, "trial")
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		r.inForce(t, "trial")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		r.inForce(t, "before")
		if len(kept) != 1 || kept[0] || r.Config().TimeZone != "Asia/Tokyo" {
			t.Errorf("kept %v, %+v", kept, r.Config())
		}
		if err := r.Confirm(); !errors.Is(err, ErrNoTrial) {
			t.Errorf("confirmed too late: %v", err)
		}
		if err := r.RollBack(); !errors.Is(err, ErrNoTrial) {
			t.Errorf("rolled back twice: %v", err)
		}
	})
}

func TestAConfirmedTrialIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir)
		volume := newVolume(t, nil)
		r.Attach("v", volume)
		var kept []bool
		if err := r.Try(setHost("trial"), time.Minute, func(k bool) { kept = append(kept, k) }); err != nil {
			t.Fatal(err)
		}
		// Without a disk to keep it on it is not kept, and may still be confirmed in time.
		if err := os.Rename(filepath.Join(volume, folder), filepath.Join(volume, "away")); err != nil {
			t.Fatal(err)
		}
		if err := r.Confirm(); err == nil || len(kept) != 0 {
			t.Errorf("confirmed without a disk: %v, %v", err, kept)
		}
		if err := os.Rename(filepath.Join(volume, "away"), filepath.Join(volume, folder)); err != nil {
			t.Fatal(err)
		}
		if err := r.Confirm(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r.inForce(t, "trial")
		if len(kept) != 1 || !kept[0] || onVolume(t, volume, file).Config.Hostname != "trial" {
			t.Errorf("kept %v, on the volume %+v", kept, onVolume(t, volume, file))
		}
		newRig(t, dir).inForce(t, "trial")
	})
}

func TestARestartEndsATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir)
		if err := r.Change(setHost("before")); err != nil {
			t.Fatal(err)
		}
		if err := r.Try(setHost("trial"), time.Minute, func(bool) {}); err != nil {
			t.Fatal(err)
		}
		newRig(t, dir).inForce(t, "before")
		_ = r.RollBack()
	})
}

func TestASecondTrialTakesTheFirstOnesPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		ends := 0
		for _, name := range []string{"one", "two"} {
			if err := r.Try(setHost(name), time.Minute, func(bool) { ends++ }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Second)
		}
		synctest.Wait()
		r.inForce(t, "two")
		if ends != 1 {
			t.Errorf("%d trials ended", ends)
		}
		if err := r.Try(setHost("a b"), time.Minute, nil); err == nil {
			t.Error("a bad configuration is tried")
		}
		r.inForce(t, "two")
		if err := r.RollBack(); err != nil || ends != 2 {
			t.Errorf("%v, %d ends", err, ends)
		}
		r.inForce(t, "")
	})
}
