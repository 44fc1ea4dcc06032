package diskbook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"vigie/internal/atomicfile"
)

const (
	// onVolume is the copy's place on a data volume; its folder is only root's.
	onVolume = "vigie/machine/disks.json"
	// mostBytes bounds what is read.
	mostBytes = 32 << 20
	// version is of the format; another one's copy is passed over.
	version = 1

	saveEvery = time.Minute // to memory
	copyEvery = time.Hour   // to disks
)

// pages is a book as it is written.
type pages struct {
	Version int                `json:"version"`
	Disks   map[string]*record `json:"disks"`
	Events  []Event            `json:"events"`
	Checks  map[string]Check   `json:"checks,omitempty"`
	Reports map[string]Report  `json:"reports,omitempty"`
	Volumes map[string]Volume  `json:"volumes,omitempty"`
}

// copyOn is a volume that has a copy.
type copyOn struct {
	path    string
	writing chan struct{} // holds one while the copy is written
	failed  bool          // said already
}

// Open takes up what a former run of the service left.
func (b *Book) Open(log *slog.Logger) { b.takeUp(b.file, log) }

// Attach takes up the copy of a volume that was mounted; it may block as its disk pleases.
func (b *Book) Attach(id, path string, log *slog.Logger) {
	b.takeUp(filepath.Join(path, onVolume), log)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.volumes[id] = &copyOn{path: filepath.Join(path, onVolume), writing: make(chan struct{}, 1)}
}

// Detach forgets a volume.
func (b *Book) Detach(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.volumes, id)
}

// Run writes the book until ctx is cancelled, and once more then.
func (b *Book) Run(ctx context.Context, log *slog.Logger) error {
	save, spread := time.NewTicker(saveEvery), time.NewTicker(copyEvery)
	defer save.Stop()
	defer spread.Stop()
	for {
		select {
		case <-ctx.Done():
			b.save(log)
			return nil
		case <-save.C:
			b.save(log)
		case <-spread.C:
			b.spread(log)
		}
	}
}

func (b *Book) save(log *slog.Logger) {
	b.mu.Lock()
	if !b.changed {
		b.mu.Unlock()
		return
	}
	b.changed = false
	text, err := b.encode()
	b.mu.Unlock()
	if err == nil {
		err = atomicfile.Write(b.file, text, 0o640)
	}
	if err != nil {
		log.Error("what is known of disks cannot be kept", "err", err)
	}
}

// spread writes the copies; one whose disk hangs is left to itself.
func (b *Book) spread(log *slog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, err := b.encode()
	if err != nil {
		log.Error("what is known of disks cannot be kept", "err", err)
		return
	}
	for id, v := range b.volumes {
		select {
		case v.writing <- struct{}{}:
		default:
			continue // the former copy is still being written
		}
		go func() {
			err := atomicfile.Write(v.path, text, 0o600)
			<-v.writing
			b.mu.Lock()
			defer b.mu.Unlock()
			if err != nil && !v.failed {
				log.Warn("copy of what is known of disks", "volume", id, "err", err)
			}
			v.failed = err != nil
		}()
	}
}

func (b *Book) encode() ([]byte, error) {
	return json.Marshal(pages{version, b.disks, b.events, b.checks, b.reports, b.places})
}

// takeUp merges a copy into the book.
func (b *Book) takeUp(path string, log *slog.Logger) {
	text, err := readLimited(path)
	var p pages
	if err == nil {
		p, err = decode(text)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("copy of what is known of disks passed over", "err", err)
		}
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, theirs := range p.Disks {
		ours := b.disks[id]
		if ours == nil {
			b.disks[id] = theirs
			continue
		}
		if theirs.SeenMs > ours.SeenMs {
			ours.SeenMs, ours.Serial = theirs.SeenMs, theirs.Serial
		}
		ours.Hours, ours.Days = merge(ours.Hours, theirs.Hours, hours), merge(ours.Days, theirs.Days, days)
	}
	for id, theirs := range p.Checks {
		if ours, known := b.checks[id]; !known || theirs.AtMs > ours.AtMs {
			b.checks[id] = theirs
		}
	}
	for id, theirs := range p.Reports {
		if ours, known := b.reports[id]; !known || theirs.AtMs > ours.AtMs {
			b.reports[id] = theirs
		}
	}
	for id, theirs := range p.Volumes {
		if ours, known := b.places[id]; !b.settled && (!known || theirs.SeenMs > ours.SeenMs) {
			b.places[id] = theirs
		}
	}
	b.events = append(b.events, p.Events...)
	slices.SortStableFunc(b.events, func(a, c Event) int {
		return cmp.Or(cmp.Compare(a.AtMs, c.AtMs), cmp.Compare(a.Disk, c.Disk), cmp.Compare(a.Text, c.Text))
	})
	b.events = slices.Compact(b.events)
	b.changed = true
	b.trim()
}

// merge makes one list of two; of a step that both have, the one with more readings counts.
func merge(a, c []Point, most int) []Point {
	all := slices.Concat(a, c)
	slices.SortStableFunc(all, func(x, y Point) int { return cmp.Or(cmp.Compare(x.AtMs, y.AtMs), cmp.Compare(y.Readings, x.Readings)) })
	all = slices.CompactFunc(all, func(x, y Point) bool { return x.AtMs == y.AtMs })
	return all[max(0, len(all)-most):]
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err == nil && len(text) > mostBytes {
		err = fmt.Errorf("%d bytes are too many", len(text))
	}
	return text, err
}

// decode reads a copy, which may come from anywhere: what exceeds the bounds or is out of order is refused.
func decode(text []byte) (pages, error) {
	var p pages
	if err := json.Unmarshal(text, &p); err != nil {
		return pages{}, err
	}
	if p.Version != version {
		return pages{}, fmt.Errorf("version %d of the format", p.Version)
	}
	if len(p.Disks) > mostDisks || len(p.Events) > mostEvents || len(p.Checks) > mostArrays || len(p.Reports) > mostReports || len(p.Volumes) > mostVolumes {
		return pages{}, fmt.Errorf("%d disks, %d events, %d arrays, %d reports and %d volumes are too many", len(p.Disks), len(p.Events), len(p.Checks), len(p.Reports), len(p.Volumes))
	}
	for id, d := range p.Disks {
		if d == nil || !printable(id) || !printable(d.Serial) || !ascending(d.Hours, hours) || !ascending(d.Days, days) {
			return pages{}, errors.New("a disk's entries are in disorder")
		}
	}
	for id, c := range p.Checks {
		if !printable(id) || c.AtMs < 0 || c.Differs < 0 {
			return pages{}, errors.New("an array's check is not one")
		}
	}
	for id, r := range p.Reports {
		if !printable(id) || !r.whole() {
			return pages{}, errors.New("a report of a volume is not one")
		}
	}
	for id, v := range p.Volumes {
		if !printable(id+v.Name+v.Disk+v.Serial+v.Model+v.Slot) || v.SizeBytes < 0 || v.SeenMs < 0 {
			return pages{}, errors.New("a volume's place is not one")
		}
	}
	for _, e := range p.Events {
		if !printable(e.Disk) || !printable(e.Serial) || !printable(e.Text) || e.Severity != Info && e.Severity != Warning && e.Severity != Failure {
			return pages{}, errors.New("an event is not one")
		}
	}
	return p, nil
}

func ascending(list []Point, most int) bool {
	for i, p := range list {
		if p.Readings < 1 || p.Readings > 1e6 || (p.Temperature == nil) != (p.Hottest == nil) || i > 0 && list[i-1].AtMs >= p.AtMs {
			return false
		}
	}
	return len(list) <= most
}

func (r Report) whole() bool {
	return r.AtMs >= 0 && r.TookMs >= 0 && r.Findings >= 0 && r.Strays >= 0 && len(r.Lines) <= mostLines && printable(r.Message) && !slices.ContainsFunc(r.Lines, func(line string) bool { return !printable(line) }) &&
		slices.Contains([]string{"check", "repair"}, r.Kind) && slices.Contains([]string{"clean", "damaged", "repaired", "failed"}, r.Result)
}

func printable(s string) bool {
	return len(s) <= 1024 && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
