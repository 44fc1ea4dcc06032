package diskbook

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	hour, day  = time.Hour, 24 * time.Hour
	hours      = 30 * 24
	days       = 3 * 365
	mostDisks  = 64
	mostEvents = 500
	mostArrays = 64

	mostReports = 64
	mostVolumes = 64
	mostLines   = 200
)

// Severity is how much an event matters.
type Severity string

// The severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Failure Severity = "failure"
)

// Event is something that happened to a disk.
type Event struct {
	AtMs     int64    `json:"atMs"` // Unix time
	Disk     string   `json:"disk"` // id
	Serial   string   `json:"serial"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// Reading is what a disk said of itself once; nil is not said.
type Reading struct {
	Temperature, Wear                 *int
	Reallocated, Pending, Uncorrected *int64
}

// Point is how a disk was for one step of time.
type Point struct {
	AtMs        int64    `json:"atMs"` // begin of the step, Unix time
	Readings    int      `json:"n"`
	Temperature *float64 `json:"temperature,omitempty"` // °C, mean
	Hottest     *int     `json:"hottest,omitempty"`
	// The newest of the step.
	Wear        *int   `json:"wear,omitempty"`
	Reallocated *int64 `json:"reallocated,omitempty"`
	Pending     *int64 `json:"pending,omitempty"`
	Uncorrected *int64 `json:"uncorrected,omitempty"`
}

// Check is the last time that an array's disks were compared to their end.
type Check struct {
	AtMs    int64 `json:"atMs"`              // Unix time
	Differs int64 `json:"differs,omitempty"` // sectors
	Never   bool  `json:"never,omitempty"`   // they were not yet, and the array was first seen then
}

// Report is what the last check or repair of a volume's file system came to.
type Report struct {
	AtMs       int64    `json:"atMs"` // when it ended, Unix time
	TookMs     int64    `json:"tookMs"`
	Kind       string   `json:"kind"`   // check, repair
	Result     string   `json:"result"` // clean, damaged, repaired, failed
	Findings   int      `json:"findings,omitempty"`
	LogPending bool     `json:"logPending,omitempty"`
	Strays     int      `json:"strays,omitempty"`
	Message    string   `json:"message"`
	Lines      []string `json:"lines,omitempty"`
}

// Volume is where a volume was when it was last in use.
type Volume struct {
	Name      string `json:"name"`
	Disk      string `json:"disk"` // id
	Serial    string `json:"serial"`
	Model     string `json:"model,omitempty"`
	Slot      string `json:"slot,omitempty"`
	SizeBytes int64  `json:"sizeBytes"` // of the disk
	SeenMs    int64  `json:"seenMs"`    // Unix time
}

// record is a disk's past, oldest first.
type record struct {
	Serial string  `json:"serial"`
	SeenMs int64   `json:"seenMs"`
	Hours  []Point `json:"hours"`
	Days   []Point `json:"days"`
}

// Book remembers.
type Book struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	disks   map[string]*record // by id
	events  []Event            // oldest first
	checks  map[string]Check   // of arrays, by UUID
	reports map[string]Report  // of volumes, by id
	places  map[string]Volume  // of volumes, by id
	settled bool               // what copies say of volumes is another machine's
	changed bool               // since the file was written
	volumes map[string]*copyOn // by id
}

// New returns an empty book whose file is at path.
func New(path string, now func() time.Time) *Book {
	return &Book{file: path, now: now, disks: map[string]*record{}, checks: map[string]Check{}, reports: map[string]Report{}, places: map[string]Volume{}, volumes: map[string]*copyOn{}}
}

// Note adds a reading of a disk.
func (b *Book) Note(id, serial string, at time.Time, r Reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.disks[id]
	if d == nil {
		d = &record{}
		b.disks[id] = d
	}
	d.Serial, d.SeenMs = serial, max(d.SeenMs, at.UnixMilli())
	d.Hours = add(d.Hours, at, hour, hours, r)
	d.Days = add(d.Days, at, day, days, r)
	b.changed = true
	b.trim()
}

// Tell adds an event.
func (b *Book) Tell(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	b.changed = true
	b.trim()
}

// NoteCheck notes that an array's disks were compared.
func (b *Book) NoteCheck(array string, c Check) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks[array] = c
	b.changed = true
	b.trim()
}

// LastCheck returns when an array's disks were compared last.
func (b *Book) LastCheck(array string) (Check, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.checks[array]
	return c, ok
}

// History returns a disk's past by the hour and by the day.
func (b *Book) History(id string) (byHour, byDay []Point) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.disks[id]; d != nil {
		return slices.Clone(d.Hours), slices.Clone(d.Days)
	}
	return nil, nil
}

// NoteReport notes what a check or repair of a volume came to.
func (b *Book) NoteReport(volume string, r Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports[volume] = r
	b.changed = true
	b.trim()
}

// LastReport returns what the last check or repair of a volume came to.
func (b *Book) LastReport(volume string) (Report, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.reports[volume]
	return r, ok
}

// NoteVolume notes that a volume is in use, and where.
func (b *Book) NoteVolume(id string, v Volume) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places[id] = v
	b.changed = true
	b.trim()
}

// ForgetVolume forgets where a volume was: it is not missed any more.
func (b *Book) ForgetVolume(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.places, id)
	b.changed = true
}

// Volumes returns where volumes were when they were last in use, by id.
func (b *Book) Volumes() map[string]Volume {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.places)
}

// Settle says that every volume present at boot has brought its copy: what others say of volumes is of other machines.
func (b *Book) Settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = true
}

// Events returns what happened, newest first.
func (b *Book) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.events)
	slices.Reverse(out)
	return out
}

// trim keeps to the bounds; with mu held.
func (b *Book) trim() {
	if over := len(b.events) - mostEvents; over > 0 {
		b.events = slices.Clone(b.events[over:])
	}
	for len(b.disks) > mostDisks {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(b.disks)), func(a, c string) int {
			return cmp.Or(cmp.Compare(b.disks[a].SeenMs, b.disks[c].SeenMs), cmp.Compare(a, c))
		})
		delete(b.disks, oldest)
	}
	for len(b.checks) > mostArrays {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(b.checks)), func(a, c string) int {
			return cmp.Or(cmp.Compare(b.checks[a].AtMs, b.checks[c].AtMs), cmp.Compare(a, c))
		})
		delete(b.checks, oldest)
	}
	for len(b.reports) > mostReports {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(b.reports)), func(a, c string) int {
			return cmp.Or(cmp.Compare(b.reports[a].AtMs, b.reports[c].AtMs), cmp.Compare(a, c))
		})
		delete(b.reports, oldest)
	}
	for len(b.places) > mostVolumes {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(b.places)), func(a, c string) int {
			return cmp.Or(cmp.Compare(b.places[a].SeenMs, b.places[c].SeenMs), cmp.Compare(a, c))
		})
		delete(b.places, oldest)
	}
}

// add puts a reading into its step. A clock that was set back makes no step twice: what comes is added to the newest one.
func add(list []Point, at time.Time, step time.Duration, most int, r Reading) []Point {
	begin := at.Truncate(step).UnixMilli()
	if n := len(list); n == 0 || list[n-1].AtMs < begin {
		list = append(list, Point{AtMs: begin})
	}
	p := &list[len(list)-1]
	p.Readings++
	if r.Temperature != nil {
		mean, hottest := float64(*r.Temperature), *r.Temperature
		if p.Temperature != nil {
			mean = *p.Temperature + (mean-*p.Temperature)/float64(p.Readings)
			hottest = max(hottest, *p.Hottest)
		}
		p.Temperature, p.Hottest = &mean, &hottest
	}
	p.Wear = cmp.Or(r.Wear, p.Wear)
	p.Reallocated = cmp.Or(r.Reallocated, p.Reallocated)
	p.Pending = cmp.Or(r.Pending, p.Pending)
	p.Uncorrected = cmp.Or(r.Uncorrected, p.Uncorrected)
	if over := len(list) - most; over > 0 {
		list = slices.Clone(list[over:])
	}
	return list
}
