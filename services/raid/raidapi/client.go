// Package raidapi asks the raid service: the only package of it that another may import.
package raidapi

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"vigie/internal/errand"
)

// What can be asked for.
const (
	Create   = "create"   // an array of disks, which hold nothing any more; it is started
	Assemble = "assemble" // start an array of members that were found; it gets the next free name
	Add      = "add"      // a disk, as the replacement of one that is missing, else as a spare
	Fail     = "fail"     // declare a member broken
	Remove   = "remove"   // a member that is broken or a spare
	Replace  = "replace"  // copy a member (the first disk) to a spare (the second), which takes its place then
	Stop     = "stop"     // an array that nothing uses
	Forget   = "forget"   // remove the superblock of a disk that is in no array that runs
	Size     = "size"     // use all of members that are larger than they were
	Reshape  = "reshape"  // have more members, of its spares
	LogOff   = "log off"  // of a RAID 5: do without the partial parity log, with which there is no reshaping
	LogOn    = "log on"
)

// Request is something to be done with an array. Disks and arrays go by their kernel names.
type Request struct {
	Do       string   `json:"do"`
	Array    string   `json:"array,omitempty"` // one that there is
	Devices  []string `json:"devices,omitempty"`
	Level    int      `json:"level,omitempty"`    // create
	Members  int      `json:"members,omitempty"`  // create: how many of the disks are no spares; reshape: how many it is to have
	Name     string   `json:"name,omitempty"`     // create
	Mark     string   `json:"mark,omitempty"`     // create, assemble: that of the machine, if it is to be written
	Degraded bool     `json:"degraded,omitempty"` // assemble: start it without some members
}

// MostDevices is how many disks an array may have.
const MostDevices = 96

var (
	device = regexp.MustCompile(`^((sd|hd|vd|xvd)[a-z]{1,4}\d{0,3}|nvme\d{1,4}n\d{1,4}(p\d{1,3})?|mmcblk\d{1,3}(p\d{1,3})?|cciss!c\d{1,2}d\d{1,3}(p\d{1,3})?|pmem\d{1,3}(p\d{1,3})?)$`)
	array  = regexp.MustCompile(`^md(\d{1,6}|_[A-Za-z0-9-]{1,24})$`)
	word   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,14}$`)
)

// CheckName tells whether an array can have a name. The superblock has room for 32 bytes, the machine's mark among them.
func CheckName(name string) bool { return word.MatchString(name) }

// Validate says what is wrong with a request.
func (r Request) Validate() error {
	n := len(r.Devices)
	some := func(exactly int) bool { return n == exactly && array.MatchString(r.Array) }
	ok := false
	switch r.Do {
	case Create:
		ok = r.Array == "" && n <= MostDevices && r.Members >= 2 && r.Members <= n && CheckName(r.Name) && r.Mark != "" && slices.Contains([]int{0, 1, 5, 6, 10}, r.Level)
	case Assemble:
		ok = r.Array == "" && n > 0 && n <= MostDevices
	case Add, Fail, Remove:
		ok = some(1)
	case Replace:
		ok = some(2)
	case Stop, Size, LogOff, LogOn:
		ok = some(0)
	case Reshape:
		ok = some(0) && r.Members >= 2 && r.Members <= MostDevices
	case Forget:
		ok = n == 1 && r.Array == ""
	default:
		return fmt.Errorf("%q cannot be asked for", r.Do)
	}
	if !ok || r.Mark != "" && !word.MatchString(r.Mark) {
		return fmt.Errorf("%s with an array %q and %d disks cannot be asked for", r.Do, r.Array, n)
	}
	for i, d := range r.Devices {
		if !device.MatchString(d) || slices.Contains(r.Devices[:i], d) {
			return fmt.Errorf("%q is no disk, or is named twice", d)
		}
	}
	return nil
}

// ErrBusy is returned while something is being done with the same array.
var ErrBusy = errand.ErrBusy

// Client asks by a socket.
type Client struct{ Socket string }

// Ask has one thing done; when ctx ends first it is given up. An error of mdadm's is what it said, in a line for people.
func (c Client) Ask(ctx context.Context, r Request) error {
	if err := r.Validate(); err != nil {
		return err
	}
	a, err := errand.Ask(ctx, c.Socket, r)
	if err == nil && a.Status != 0 {
		err = errors.New(said(a.Output))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Do, err)
	}
	return nil
}

// said is what mdadm said, in a line that is fit for people.
func said(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(strings.TrimPrefix(line, "mdadm: "), ""))
		lines = append(lines, strings.TrimSpace(line))
	}
	all := strings.Join(lines, "; ")
	return all[:min(400, len(all))]
}
