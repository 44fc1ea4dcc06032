package camera

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/trigger"
)

func calendars(t *testing.T) *calendar.Keeper {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	k, err := calendar.Open(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// noon is a Thursday's, in UTC.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestStandardRecordingGoesByTheCalendar(t *testing.T) {
	k := calendars(t)
	office, err := k.Add(api.CalendarRequest{Name: "Office", Week: api.CalendarWeek{Thursday: []api.DaySpan{{From: "13:00", To: "14:00"}}}})
	if err != nil {
		t.Fatal(err)
	}
	at := func(h int) int64 { return noon.Add(time.Duration(h) * time.Hour).UnixNano() }
	for _, c := range []struct {
		rule   Rule
		stream string
		now    int64
		want   record.Window
		ok     bool
	}{
		{Rule{calendar.Always, true, false}, "main", at(0), record.Window{EndNs: record.Never}, true},
		{Rule{calendar.Always, true, false}, "sub", at(0), record.Window{}, false},
		{Rule{calendar.Never, true, true}, "sub", at(0), record.Window{}, false},
		{Rule{office.ID, true, true}, "sub", at(0), record.Window{StartNs: at(1), EndNs: at(2)}, true},
		{Rule{office.ID, true, true}, "main", at(1), record.Window{EndNs: at(2)}, true},
		{Rule{office.ID, true, true}, "main", at(2), record.Window{StartNs: at(1 + 7*24), EndNs: at(2 + 7*24)}, true},
	} {
		w := newWhen(k, Plan{Standard: c.rule}, nil)
		got, ok, _ := w.schedule(c.stream, index.Standard)(c.now)
		if got != c.want || ok != c.ok {
			t.Errorf("%+v %s: %+v, %v, want %+v, %v", c.rule, c.stream, got, ok, c.want, c.ok)
		}
	}
	w := newWhen(k, Plan{Standard: Rule{office.ID, true, false}}, nil)
	_, _, changed := w.schedule("main", index.Standard)(at(0))
	w.set(Plan{Standard: Rule{calendar.Always, true, false}})
	<-changed
	_, _, changed = w.schedule("main", index.Standard)(at(0))
	w.follow()
	<-changed
}

func TestTriggersMakeOneWindow(t *testing.T) {
	ms, second := noon.UnixMilli(), int64(1000)
	ns := func(s int64) int64 { return (ms + s*second) * 1e6 }
	door := func(at, hold int64) trigger.Trigger {
		return trigger.Trigger{AtMs: ms + at*second, EndMs: ms + (at+hold)*second, Source: "door"}
	}
	forced := func(at, hold int64) trigger.Trigger {
		f := door(at, hold)
		f.Source = trigger.Forced
		return f
	}
	both := Plan{Alarm: Rule{calendar.Always, true, true}, PreSeconds: 5, PostSeconds: 10}
	none := Plan{Alarm: Rule{calendar.Never, false, false}, PreSeconds: 5, PostSeconds: 10}
	for _, c := range []struct {
		name     string
		plan     Plan
		triggers []trigger.Trigger
		stream   string
		now      int64
		want     record.Window
		ok       bool
	}{
		{"nothing", both, nil, "main", 0, record.Window{}, false},
		{"an instant", both, []trigger.Trigger{door(0, 0)}, "main", 0, record.Window{StartNs: ns(-5), EndNs: ns(10)}, true},
		{"of the other stream too", both, []trigger.Trigger{door(0, 0)}, "sub", 9, record.Window{StartNs: ns(-5), EndNs: ns(10)}, true},
		{"past", both, []trigger.Trigger{door(0, 0)}, "main", 10, record.Window{}, false},
		{"a condition", both, []trigger.Trigger{door(0, 60)}, "main", 30, record.Window{StartNs: ns(-5), EndNs: ns(70)}, true},
		{"extended", both, []trigger.Trigger{door(0, 0), door(8, 1)}, "main", 8, record.Window{StartNs: ns(-5), EndNs: ns(19)}, true},
		{"a longer one before", both, []trigger.Trigger{door(0, 60), door(8, 1)}, "main", 8, record.Window{StartNs: ns(-5), EndNs: ns(70)}, true},
		{"one that is over", both, []trigger.Trigger{door(0, 0), door(30, 0)}, "main", 30, record.Window{StartNs: ns(25), EndNs: ns(40)}, true},
		{"by hand, to the second", both, []trigger.Trigger{forced(0, 60)}, "main", 1, record.Window{StartNs: ns(-5), EndNs: ns(60)}, true},
		{"by hand without alarm streams", none, []trigger.Trigger{forced(0, 60)}, "main", 1, record.Window{StartNs: ns(-5), EndNs: ns(60)}, true},
		{"the other stream", none, []trigger.Trigger{forced(0, 60)}, "sub", 1, record.Window{}, false},
		{"no alarm streams", none, []trigger.Trigger{door(0, 60)}, "main", 1, record.Window{}, false},
		{"the clock was set back", both, []trigger.Trigger{door(0, 0)}, "main", -3600, record.Window{StartNs: ns(-3600), EndNs: ns(10)}, true},
	} {
		got, ok := alarmWindow(&c.plan, c.triggers, c.stream, ns(c.now))
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestMemoryIsSharedByNeed(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name   string
		memory int64
		needs  []need
		want   []int64
		short  bool
	}{
		{"nobody", 100 * mb, nil, []int64{}, false},
		{"room for all that may be", 100 * mb, []need{{3 * mb, 16 * mb}, {5 * mb, 32 * mb}}, []int64{16 * mb, 32 * mb}, false},
		{"room for what is needed", 20 * mb, []need{{3 * mb, 13 * mb}, {5 * mb, 15 * mb}}, []int64{9 * mb, 11 * mb}, false},
		{"settings bound the need", 100 * mb, []need{{50 * mb, 16 * mb}}, []int64{16 * mb}, false},
		{"small needs are met", 20 * mb, []need{{2 * mb, 16 * mb}, {40 * mb, 64 * mb}, {30 * mb, 64 * mb}}, []int64{2 * mb, 9 * mb, 9 * mb}, true},
	} {
		got, short := share(c.memory, c.needs)
		if !cmp.Equal(got, c.want) || short != c.short {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, short, c.want, c.short)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		memory := rnd.Int64N(1 << 34)
		needs := make([]need, rnd.IntN(300))
		var needed int64
		for i := range needs {
			most := int64(2+rnd.IntN(127)) * mb
			needs[i] = need{rnd.Int64N(2 * most), most}
			needed += min(needs[i].bytes, most)
		}
		parts, short := share(memory, needs)
		var sum int64
		for i, p := range parts {
			sum += p
			if p < 0 || p > needs[i].most || !short && p < min(needs[i].bytes, needs[i].most) {
				t.Fatalf("of %d: part %d for %+v (short: %v)", memory, p, needs[i], short)
			}
		}
		if sum > memory || short != (needed > memory) {
			t.Fatalf("of %d: %d given for %d needed (short: %v)", memory, sum, needed, short)
		}
	}
}

func TestWhichStreamsKeepWhatCameBefore(t *testing.T) {
	for _, c := range []struct {
		plan      Plan
		main, sub bool
	}{
		{Plan{Alarm: Rule{calendar.Always, true, true}, PreSeconds: 5}, true, true},
		{Plan{Alarm: Rule{calendar.Always, false, true}, PreSeconds: 5}, false, true},
		{Plan{Alarm: Rule{calendar.Always, true, true}}, false, false},
		{Plan{Alarm: Rule{calendar.Never, true, true}, PreSeconds: 5}, true, true}, // a person may want them
		{Plan{Alarm: Rule{calendar.Never, false, false}, PreSeconds: 5}, true, false},
	} {
		if c.plan.prebuffered("main") != c.main || c.plan.prebuffered("sub") != c.sub {
			t.Errorf("%+v: main %v, sub %v", c.plan, c.plan.prebuffered("main"), c.plan.prebuffered("sub"))
		}
	}
}
