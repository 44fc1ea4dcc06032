package system

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/raid/raidapi"
	"vigie/services/smart/smartapi"
	"vigie/services/system/internal/blockdev"
	"vigie/services/system/internal/diskbook"
	"vigie/services/system/internal/raidcard"
	"vigie/services/system/internal/smart"
	"vigie/services/system/internal/storage"
)

// diskcare watches the health of disks, and of those behind RAID cards.
type diskcare struct {
	observe bool
	watch   *smart.Watch
	book    *diskbook.Book
	publish func([]api.RaidCard)
	now     func() time.Time
	log     *slog.Logger

	mu    sync.Mutex
	seen  []blockdev.Disk
	cards []raidCard
}

// raidCard is a RAID card with the disks that it shows.
type raidCard struct {
	raidcard.Card
	shown []api.RaidCardDisk
}

func newDiskcare(o options, book *diskbook.Book, publish func([]api.RaidCard), now func() time.Time, log *slog.Logger) *diskcare {
	c := &diskcare{observe: o.observe, book: book, publish: publish, now: now, log: log}
	c.watch = smart.New(smart.Config{Ask: smartapi.Client{Socket: o.smart}.Ask, Noted: c.noted, Changed: c.changed, Now: now})
	return c
}

// tell makes an event of what happened to a disk or an array.
func (c *diskcare) tell(id, serial string, severity diskbook.Severity, text string) {
	c.book.Tell(diskbook.Event{AtMs: c.now().UnixMilli(), Disk: id, Serial: serial, Severity: severity, Text: text})
}

// mark is what arrays of machines begin with that their firmware gives no identity.
const mark = "vigie"

// arrays says how arrays are made, and whose are started. An array of a machine without an identity of its own is
// everybody's, as data volumes are.
func arrays(o options, book *diskbook.Book) storage.Arrays {
	a := storage.Arrays{Root: "/", Ask: raidapi.Client{Socket: o.raid}.Ask, Mark: mark, Ours: []string{mark}, LastCheck: book.LastCheck, NoteCheck: book.NoteCheck}
	if id := boardID("/"); id != "" {
		sum := sha256.Sum256([]byte(id))
		a.Mark = mark + "-" + hex.EncodeToString(sum[:4])
		a.Ours = append(a.Ours, a.Mark)
	}
	return a
}

// follow is told the disks of the machine whenever they are listed.
func (c *diskcare) follow(list []blockdev.Disk) {
	if c.observe { // a developer's host did not ask for it
		return
	}
	c.mu.Lock()
	same := slices.EqualFunc(list, c.seen, func(a, b blockdev.Disk) bool { return a.Name == b.Name && a.Seq == b.Seq && a.ID == b.ID })
	c.seen = slices.Clone(list)
	c.mu.Unlock()
	if same {
		return
	}
	cards, err := raidcard.List("/")
	if err != nil {
		c.log.Warn("RAID cards", "err", err)
	}
	var watched []smart.Disk
	behind := map[string]bool{} // addresses of cards that hide their disks
	var known []raidCard
	nth := map[string]int{}
	for _, k := range cards {
		own := raidCard{Card: k}
		var names []string
		for _, d := range list {
			if d.Adapter == k.Address {
				v := raidcard.VolumeOf("/", d.Name)
				own.shown = append(own.shown, api.RaidCardDisk{Disk: d.ID, Level: v.Level, State: v.State, Resync: v.Resync})
				names = append(names, d.Name)
			}
		}
		places := raidcard.PlacesOf("/", k, nth[k.Driver.Module], names)
		nth[k.Driver.Module]++
		behind[k.Address] = len(places) > 0
		for i, p := range places {
			watched = append(watched, smart.Disk{ID: fmt.Sprintf("%s%d", drivePrefix(k.Address), p.Number), Target: smart.Target{Node: p.Node, Type: p.Type}, Place: i + 1})
		}
		known = append(known, own)
	}
	for _, d := range list {
		if tellsHealth(d) && !behind[d.Adapter] {
			watched = append(watched, smart.Disk{ID: d.ID, Serial: d.Serial, Seq: d.Seq, Target: smart.Target{Node: blockdev.Node(d.Name)}})
		}
	}
	c.watch.SetDisks(watched)
	c.mu.Lock()
	c.cards = known
	c.mu.Unlock()
	c.show()
}

// tellsHealth: USB bridges answer such questions in ways of their own, some by hanging; virtual disks have no health.
func tellsHealth(d blockdev.Disk) bool {
	return !d.Optical && (d.Bus == "sata" || d.Bus == "scsi" || d.Bus == "nvme")
}

func drivePrefix(address string) string {
	return "card-" + strings.ReplaceAll(address, ":", "-") + "-"
}

// show publishes the cards.
func (c *diskcare) show() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []api.RaidCard
	for _, k := range c.cards {
		shown := api.RaidCard{ID: k.Address, Name: k.Model, Driver: k.Driver.Module, Raid: k.Driver.Through != "", Disks: append([]api.RaidCardDisk{}, k.shown...)}
		disks, states := c.watch.Behind(drivePrefix(k.Address))
		for i, d := range disks {
			var place int
			if _, err := fmt.Sscanf(strings.TrimPrefix(d.ID, drivePrefix(k.Address)), "%d", &place); err != nil {
				continue
			}
			shown.Drives = append(shown.Drives, api.RaidCardDrive{ID: d.ID, Place: place, Model: states[i].Report.Model, Serial: states[i].Report.Serial, Health: healthOf(states[i])})
		}
		out = append(out, shown)
	}
	c.publish(out)
}

func (c *diskcare) noted(d smart.Disk, at time.Time, r smart.Report) {
	c.book.Note(d.ID, d.Serial, at, diskbook.Reading{Temperature: r.Temperature, Wear: r.Wear, Reallocated: r.Reallocated, Pending: r.Pending, Uncorrected: r.Uncorrected})
	if d.Place > 0 {
		c.show()
	}
}

func (c *diskcare) changed(d smart.Disk, at time.Time, is smart.Condition, came bool, reason string) {
	e := diskbook.Event{AtMs: at.UnixMilli(), Disk: d.ID, Serial: d.Serial, Severity: diskbook.Warning, Text: reason}
	switch {
	case !came:
		e.Severity, e.Text = diskbook.Info, "It is well again: "+is.Over()
	case is.Severe():
		e.Severity = diskbook.Failure
	}
	c.book.Tell(e)
	if came {
		c.log.Warn("disk", "disk", d.Serial, "condition", string(is), "err", reason)
	} else {
		c.log.Info("disk", "disk", d.Serial, "over", string(is))
	}
	if d.Place > 0 {
		c.show()
	}
}

// health is what the list of disks shows; the zero value: nothing can be known.
func (c *diskcare) health(id string) api.DiskHealth {
	s, ok := c.watch.State(id)
	if !ok {
		return api.DiskHealth{}
	}
	return healthOf(s)
}

func healthOf(s smart.State) api.DiskHealth {
	out := api.DiskHealth{Status: api.DiskHealthStatusOk, Asleep: s.Asleep, Temperature: s.Report.Temperature, Wear: s.Report.Wear, Hours: s.Report.Hours}
	if !s.Checked.IsZero() {
		out.CheckedMs = s.Checked.UnixMilli()
	}
	if t := s.Report.Testing; t != nil {
		out.Test = api.SelfTest{Kind: api.SelfTestKind(t.Kind), Percent: t.Percent}
	}
	for _, is := range s.Conditions {
		out.Reasons = append(out.Reasons, is.Reason(s.Report))
		if is.Severe() {
			out.Status = api.DiskHealthStatusFailing
		} else if out.Status == api.DiskHealthStatusOk {
			out.Status = api.DiskHealthStatusWarning
		}
	}
	if out.Status == api.DiskHealthStatusOk && (!s.Known || !s.Report.Supported && s.Report.Passed == nil) {
		out.Status = api.DiskHealthStatusUnknown
		if s.Problem != "" {
			out.Reasons = []string{s.Problem}
		}
	}
	return out
}

func (c *diskcare) DiskHealth(id string) (api.DiskReport, error) {
	s, ok := c.watch.State(id)
	byHour, byDay := c.book.History(id)
	if !ok && byHour == nil {
		return api.DiskReport{}, noHealth()
	}
	r := s.Report
	out := api.DiskReport{
		Health: api.DiskHealth{Status: api.DiskHealthStatusUnknown}, Rpm: r.RPM, Reallocated: r.Reallocated, Pending: r.Pending, Uncorrected: r.Uncorrected, LinkErrors: r.Link, Spare: r.Spare,
		CanTest: r.CanTest, ShortMinutes: r.ShortMinutes, LongMinutes: r.LongMinutes, Tests: []api.DiskTest{}, ByHour: points(byHour), ByDay: points(byDay),
	}
	if ok {
		out.Health = healthOf(s)
	}
	for _, t := range r.Tests {
		out.Tests = append(out.Tests, api.DiskTest{Kind: t.Kind, Result: t.Result, Failed: t.Failed, Hours: t.Hours})
	}
	return out, nil
}

func noHealth() error {
	return answer.Refuse(http.StatusNotFound, "no_health", "Of this disk no health is known: it is not there, or it is a virtual or a USB disk.")
}

func points(list []diskbook.Point) []api.DiskPoint {
	out := make([]api.DiskPoint, 0, len(list))
	for _, p := range list {
		out = append(out, api.DiskPoint{AtMs: p.AtMs, Temperature: p.Temperature, Hottest: p.Hottest, Wear: p.Wear, Reallocated: p.Reallocated, Pending: p.Pending, Uncorrected: p.Uncorrected})
	}
	return out
}

func (c *diskcare) DiskEvents() []api.DiskEvent {
	out := []api.DiskEvent{}
	for _, e := range c.book.Events() {
		out = append(out, api.DiskEvent{AtMs: e.AtMs, Disk: e.Disk, Serial: e.Serial, Severity: api.DiskEventSeverity(e.Severity), Text: e.Text})
	}
	return out
}

func (c *diskcare) TestDisk(ctx context.Context, id string, kind api.SelfTestRequestKind) error {
	err := c.watch.Test(ctx, id, string(kind))
	switch {
	case errors.Is(err, smart.ErrUnknown):
		return noHealth()
	case errors.Is(err, smart.ErrBusy):
		return answer.Refuse(http.StatusConflict, "busy", "The disk is being asked how it is, or does not answer. Try again in a minute.")
	case errors.Is(err, smart.ErrRefused):
		return answer.Refuse(http.StatusConflict, "refused", "The disk refuses: it cannot test itself, or a test runs already.")
	case err != nil:
		return fmt.Errorf("self-test: %w", err)
	}
	c.log.Info("self-test", "disk", id, "kind", string(kind))
	return nil
}
