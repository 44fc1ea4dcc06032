package md

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Array is one that runs, as the kernel has it.
type Array struct {
	Name     string // kernel name
	UUID     string
	Level    string // raid5, …
	State    string // of the kernel: clean, active, readonly, …
	Devices  int    // members when it is whole
	Degraded int    // members that are missing
	Policy   string // how it is in order after a power cut: resync, bitmap, ppl
	Members  []Member
	Sync     Sync
	Mismatch int64 // sectors that differed at the last check
	// EachBytes is how much of each member is used.
	EachBytes int64
}

// Member is a disk or partition in an array that runs.
type Member struct {
	Device   string // kernel name
	Position int    // -1: a spare
	State    []string
}

// Has tells whether a member is in a state, such as faulty, in_sync, spare.
func (m Member) Has(state string) bool { return slices.Contains(m.State, state) }

// Sync is what an array does to be in order.
type Sync struct {
	Action      string // idle, resync, recover, check, repair, reshape
	Done, Total int64  // sectors; Total 0: not known
	KBps        int64
}

// Runs tells whether something goes on.
func (s Sync) Runs() bool { return s.Action != "" && s.Action != "idle" && s.Action != "frozen" }

// Percent is how far it has come.
func (s Sync) Percent() int {
	if s.Total <= 0 {
		return 0
	}
	return int(min(100, max(0, s.Done*100/s.Total)))
}

// Left is how long it takes at the present speed; 0: not known.
func (s Sync) Left() time.Duration {
	const most = 10 * 365 * 24 * 3600
	if s.Total <= 0 || s.KBps <= 0 {
		return 0
	}
	return time.Duration(min(most, max(0, s.Total-s.Done)/2/s.KBps)) * time.Second
}

var arrayName = regexp.MustCompile(`^md(\d+|_.+)$`)

// List returns the arrays that run. root is "/" but in tests. Reading asks the kernel, and no disk.
func List(root string) ([]Array, error) {
	entries, err := os.ReadDir(filepath.Join(root, "sys/block"))
	if err != nil {
		return nil, fmt.Errorf("list arrays: %w", err)
	}
	var out []Array
	for _, e := range entries {
		if !arrayName.MatchString(e.Name()) {
			continue
		}
		a, err := read(filepath.Join(root, "sys/block", e.Name(), "md"), e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // stopped while we looked
		}
		if err != nil {
			return nil, err
		}
		if a.State != "clear" && a.State != "inactive" {
			out = append(out, a)
		}
	}
	return out, nil
}

func read(dir, name string) (Array, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Array{}, fmt.Errorf("array %s: %w", name, err)
	}
	a := Array{Name: name, UUID: text(dir, "uuid"), Level: text(dir, "level"), State: text(dir, "array_state"),
		Devices: int(number(text(dir, "raid_disks"))), Degraded: int(number(text(dir, "degraded"))), Mismatch: number(text(dir, "mismatch_cnt")),
		Policy: text(dir, "consistency_policy"), EachBytes: number(text(dir, "component_size")) << 10}
	a.Sync = Sync{Action: text(dir, "sync_action"), KBps: number(text(dir, "sync_speed"))}
	a.Sync.Done, a.Sync.Total = completed(text(dir, "sync_completed"))
	for _, e := range entries {
		device, ok := strings.CutPrefix(e.Name(), "dev-")
		if !ok {
			continue
		}
		own := filepath.Join(dir, e.Name())
		m := Member{Device: device, Position: -1, State: strings.Split(text(own, "state"), ",")}
		if n, err := strconv.Atoi(text(own, "slot")); err == nil {
			m.Position = n
		}
		a.Members = append(a.Members, m)
	}
	return a, nil
}

// completed reads "done / total" of sync_completed; "none" and "delayed" are nothing.
func completed(s string) (done, total int64) {
	a, b, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0
	}
	return number(strings.TrimSpace(a)), number(strings.TrimSpace(b))
}

// number is 0 for what is none, and what the kernel writes into brackets after it is left out: "2 (1)".
func number(s string) int64 {
	s, _, _ = strings.Cut(s, " ")
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
