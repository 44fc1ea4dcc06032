package diskbook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func num[T any](v T) *T { return &v }

var quiet = slog.New(slog.DiscardHandler)

func TestHistoryIsBounded(t *testing.T) {
	b := New("", time.Now)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 4 * 365 * 24 {
		b.Note("d", "S", start.Add(time.Duration(n)*time.Hour), Reading{Temperature: num(30 + n%24)})
	}
	byHour, byDay := b.History("d")
	if len(byHour) != hours || len(byDay) != days {
		t.Fatalf("%d hours, %d days", len(byHour), len(byDay))
	}
	if p := byDay[0]; p.Readings != 24 || *p.Hottest != 53 || *p.Temperature < 41.4 || *p.Temperature > 41.6 {
		t.Errorf("a day is %+v, mean %v, hottest %v", p, *p.Temperature, *p.Hottest)
	}
	for n := range 2 * mostDisks {
		b.Note(fmt.Sprint(n), "S", start.Add(5*365*24*time.Hour+time.Duration(n)*time.Minute), Reading{})
	}
	for range 2 * mostEvents {
		b.Tell(Event{Text: "x"})
	}
	for n := range 2 * mostArrays {
		b.NoteCheck(fmt.Sprint(n), Check{AtMs: int64(n)})
	}
	for n := range 2 * mostReports {
		b.NoteReport(fmt.Sprint(n), Report{AtMs: int64(n), Kind: "check", Result: "clean"})
	}
	for n := range 2 * mostVolumes {
		b.NoteVolume(fmt.Sprint(n), Volume{SeenMs: int64(n)})
	}
	if v := b.Volumes(); len(v) != mostVolumes || v["0"] != (Volume{}) {
		t.Errorf("%d volumes", len(v))
	}
	if _, kept := b.LastReport("0"); kept || len(b.reports) != mostReports {
		t.Errorf("%d reports", len(b.reports))
	}
	if _, kept := b.LastCheck("0"); kept || len(b.checks) != mostArrays {
		t.Errorf("%d arrays", len(b.checks))
	}
	if len(b.disks) != mostDisks || len(b.Events()) != mostEvents {
		t.Errorf("%d disks, %d events", len(b.disks), len(b.Events()))
	}
	if gone, _ := b.History("d"); gone != nil {
		t.Error("the disk seen last of all is kept, one seen since is not")
	}
}

func TestAStepHasTheNewestCountersAndTheMeanTemperature(t *testing.T) {
	b := New("", time.Now)
	at := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
	b.Note("d", "S", at, Reading{Temperature: num(30), Pending: num(int64(1))})
	b.Note("d", "S", at.Add(30*time.Second), Reading{Temperature: num(40), Pending: num(int64(3))})
	b.Note("d", "S", at.Add(-time.Hour), Reading{}) // the clock was set back
	byHour, _ := b.History("d")
	if len(byHour) != 1 || *byHour[0].Temperature != 35 || *byHour[0].Hottest != 40 || *byHour[0].Pending != 3 || byHour[0].Wear != nil || byHour[0].Readings != 3 {
		t.Errorf("got %+v", byHour)
	}
}

// TestAMachineThatWasSwitchedOffTakesItsBookUpFromAVolume: what was in memory is gone.
func TestAMachineThatWasSwitchedOffTakesItsBookUpFromAVolume(t *testing.T) {
	dir, volume := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(volume, filepath.Dir(onVolume)), 0o700); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		b := New(filepath.Join(dir, "disks.json"), time.Now)
		b.Open(quiet)
		b.Attach("v", volume, quiet)
		b.Note("d", "S", at, Reading{Temperature: num(30)})
		b.NoteCheck("u", Check{AtMs: at.UnixMilli(), Differs: 8})
		b.NoteReport("v", Report{AtMs: at.UnixMilli(), Kind: "check", Result: "damaged", Findings: 1, Message: "Damaged.", Lines: []string{"bad"}})
		b.NoteVolume("v", Volume{Name: "Gate", Serial: "S", SeenMs: 5})
		b.NoteVolume("w", Volume{Name: "Yard", Serial: "T", SeenMs: 5})
		b.ForgetVolume("w")
		b.Tell(Event{AtMs: at.UnixMilli(), Disk: "d", Serial: "S", Severity: Warning, Text: "It is hot."})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx, quiet) }()
		time.Sleep(copyEvery + time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
	for name, open := range map[string]func(*Book){
		"the service was restarted":    func(b *Book) { b.Open(quiet) },
		"the machine was switched off": func(b *Book) { b.Attach("v", volume, quiet) },
	} {
		file := filepath.Join(dir, "disks.json")
		if strings.Contains(name, "machine") {
			file = filepath.Join(t.TempDir(), "disks.json")
		}
		b := New(file, time.Now)
		b.Note("d", "S", at.Add(time.Hour), Reading{Temperature: num(31)})
		b.NoteCheck("u", Check{AtMs: at.UnixMilli() - 1, Never: true}) // before
		b.NoteReport("v", Report{AtMs: at.UnixMilli() - 1, Kind: "check", Result: "clean"})
		open(b)
		open(b) // nothing twice
		if byHour, byDay := b.History("d"); len(byHour) != 2 || len(byDay) != 1 {
			t.Errorf("%s: %d hours, %d days", name, len(byHour), len(byDay))
		}
		if c, ok := b.LastCheck("u"); !ok || c != (Check{AtMs: at.UnixMilli(), Differs: 8}) {
			t.Errorf("%s: %+v", name, c)
		}
		if r, ok := b.LastReport("v"); !ok || r.Result != "damaged" || len(r.Lines) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
		if v := b.Volumes(); len(v) != 1 || v["v"].Name != "Gate" {
			t.Errorf("%s: %+v", name, v)
		}
		late := New("", time.Now)
		late.Settle()
		late.Attach("v", volume, quiet)
		if v := late.Volumes(); len(v) != 0 {
			t.Errorf("a disk that comes later brings volumes along: %+v", v)
		}
		if e := b.Events(); len(e) != 1 || e[0].Text != "It is hot." {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

var copies = []struct{ name, text string }{
	{"not JSON", "x"},
	{"another version", `{"version":2}`},
	{"no disk", `{"version":1,"disks":{"d":null}}`},
	{"out of order", `{"version":1,"disks":{"d":{"hours":[{"atMs":5,"n":1},{"atMs":5,"n":1}]}}}`},
	{"a mean without its highest", `{"version":1,"disks":{"d":{"hours":[{"atMs":5,"n":1,"temperature":3}]}}}`},
	{"a serial that moves the cursor", `{"version":1,"disks":{"d":{"serial":"a\u001b[2J"}}}`},
	{"an event of no kind", `{"version":1,"events":[{"severity":"x"}]}`},
	{"a report of nothing", `{"version":1,"reports":{"v":{"atMs":5,"kind":"check","result":"fine"}}}`},
	{"a report that moves the cursor", `{"version":1,"reports":{"v":{"atMs":5,"kind":"check","result":"clean","lines":["\u001b[2J"]}}}`},
	{"a place that moves the cursor", `{"version":1,"volumes":{"v":{"name":"\u001b[2J"}}}`},
	{"a check that found less than nothing", `{"version":1,"checks":{"u":{"atMs":5,"differs":-1}}}`},
	{"one that is well", `{"version":1,"checks":{"u":{"atMs":5,"differs":8}},"volumes":{"v":{"name":"n","serial":"S","seenMs":5}},"reports":{"v":{"atMs":5,"kind":"repair","result":"repaired","findings":1,"lines":["bad"]}},"disks":{"d":{"serial":"S","seenMs":5,"hours":[{"atMs":5,"n":1,"temperature":3,"hottest":3}]}},"events":[{"severity":"info","text":"x"}]}`},
}

func TestAForeignCopyIsReadWithCare(t *testing.T) {
	for i, c := range copies {
		_, err := decode([]byte(c.text))
		if well := i == len(copies)-1; well != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range copies {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := decode(text)
		if err != nil {
			return
		}
		b := New("", time.Now)
		b.disks, b.events = p.Disks, p.Events
		if b.disks == nil {
			b.disks = map[string]*record{}
		}
		for id := range p.Disks {
			b.Note(id, "S", time.Unix(0, 0), Reading{Temperature: num(1)})
		}
		again, err := json.Marshal(pages{version, b.disks, b.events, p.Checks, p.Reports, p.Volumes})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Fatalf("it cannot be read again: %v", err)
		}
	})
}
