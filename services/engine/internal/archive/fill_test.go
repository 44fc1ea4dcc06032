package archive

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/retention"
)

func TestTheRecordingSaysOfWhatAVolumeIsFullAndUntilWhen(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.set(camera, retention.Targets{StandardDays: 30, StandardMinDays: 1})
	a := k.mounted("a", "64m")
	k.use(a)
	var bytes int64
	for i := range 4 {
		bytes += k.aged(camera, time.Duration(i+1)*day).SizeBytes
	}
	var r api.Recording
	await(t, "it is accounted for", func() bool {
		r = k.arch.Recording()
		v := r.Volumes[0]
		return v.BytesPerDay > 0 && v.WriteLatencyUs > 0 && v.RecordingBytes+v.OtherBytes+v.FreeBytes == v.SizeBytes // measured since
	})
	v := r.Volumes[0]
	if v.RecordingBytes != bytes || v.RecordingBytes+v.OtherBytes+v.FreeBytes != v.SizeBytes || v.LimitBytes != v.SizeBytes/100*95 && v.LimitBytes != v.SizeBytes-v.SizeBytes/20 {
		t.Errorf("%+v of %d recorded", v, bytes)
	}
	if want := float64(v.LimitBytes-(v.SizeBytes-v.FreeBytes)) / float64(v.BytesPerDay); v.DaysLeft < want*0.99 || v.DaysLeft > want*1.01 || r.DaysLeft != v.DaysLeft || r.BytesPerDay != v.BytesPerDay {
		t.Errorf("%v days left, want %v; in all %v of %d a day", v.DaysLeft, want, r.DaysLeft, r.BytesPerDay)
	}
	if v.WriteLatencyMaxUs < v.WriteLatencyUs {
		t.Errorf("%d µs at most, %d in the mean", v.WriteLatencyMaxUs, v.WriteLatencyUs)
	}
	if u := k.usage(camera); u.StandardMinDays != 1 || u.StandardFitDays != 30 || u.AlarmFitDays != 0 {
		t.Errorf("%+v", u)
	}
}

func TestItIsWarnedFromAFillingOn(t *testing.T) {
	k := newKeeping(t, "unsynchronised")
	k.stop()
	k.cfg.SystemDisk = func(id string) bool { return id == "s" }
	k.open()
	a := k.mounted("a", "32m")
	k.use(a)
	k.aged(camera, day)
	warn := func(id string, percent int) error {
		return k.arch.ChangeVolume(id, VolumeChange{WarnPercent: &percent})
	}
	const words = "this warning is set to"
	if k.warned(words) || k.arch.WarnPercent("a") != DefaultWarnPercent {
		t.Error("warned of an empty volume")
	}
	for _, bad := range []int{-1, 9, 100} {
		if warn("a", bad) == nil {
			t.Errorf("%d %% is taken", bad)
		}
	}
	filler := newSource(camera, time.Now().Add(-2*time.Hour))
	filler.size = 400_000
	k.closed(filler, 10) // 4 MB of 32
	if err := warn("a", 10); err != nil {
		t.Fatal(err)
	}
	await(t, "it is warned", func() bool { return k.warned(words) })
	for _, off := range []int{0, 90} {
		if err := warn("a", off); err != nil || k.warned(words) {
			t.Errorf("warned all the same: %v", err)
		}
	}
	k.stop()
	k.open()
	if p := k.arch.WarnPercent("a"); p != 90 {
		t.Errorf("after a restart at %d %%", p)
	}
	// Where there is no room between limit and disk, it is not warned of what is as it should be.
	if err := k.arch.ChangeVolume("a", VolumeChange{LimitPercent: new(99), WarnPercent: new(0)}); err != nil {
		t.Fatal(err)
	}

	full := api.Volume{ID: "s", Name: "System", SizeBytes: 1000, FreeBytes: 99}
	if fill, text := k.arch.SystemDisk(full); fill.WarnPercent != SystemWarnPercent || !strings.Contains(text, "System") {
		t.Errorf("%+v, %q", fill, text)
	}
	if err := warn("s", 95); err != nil {
		t.Fatal(err)
	}
	if _, text := k.arch.SystemDisk(full); text != "" {
		t.Error(text)
	}
	if err := k.arch.ChangeVolume("s", limitOf(50)); err == nil || k.arch.Knows("s") {
		t.Error("it is taken for a volume")
	}
	if len(k.arch.Recording().Volumes) != 1 {
		t.Error("it shows as a volume")
	}
}

func TestLatencyIsThatOfTheLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l latency
		check := func(mean, most time.Duration) {
			t.Helper()
			if a, b := l.lately(time.Now()); a != mean || b != most {
				t.Errorf("%v and %v, want %v and %v", a, b, mean, most)
			}
		}
		check(0, 0)
		l.add(time.Now(), 10*time.Millisecond, 5)
		l.add(time.Now(), 30*time.Millisecond, 5)
		check(20*time.Millisecond, 30*time.Millisecond)
		if d := l.foreseen(time.Now(), 20); d != 80*time.Millisecond {
			t.Errorf("four times as many segments are to take %v", d)
		}
		time.Sleep(stretchLasts)
		l.add(time.Now(), 50*time.Millisecond, 5)
		check(30*time.Millisecond, 50*time.Millisecond)
		time.Sleep(stretchLasts)
		l.add(time.Now(), 10*time.Millisecond, 5)
		check(30*time.Millisecond, 50*time.Millisecond)
		time.Sleep(stretchLasts)
		check(10*time.Millisecond, 10*time.Millisecond)
		time.Sleep(3 * stretchLasts)
		check(0, 0)
		if d := l.foreseen(time.Now(), 20); d != 0 {
			t.Errorf("nothing was written, and more is to take %v", d)
		}
	})
}
