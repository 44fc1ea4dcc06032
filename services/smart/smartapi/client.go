// Package smartapi asks the smart service: the only package of it that another may import.
package smartapi

import (
	"context"
	"fmt"
	"regexp"

	"vigie/internal/errand"
)

// What can be asked for.
const (
	Report = "report" // all that a disk says about itself; one that sleeps is not woken
	Short  = "short"  // start a short self-test
	Long   = "long"   // start a long one
	Stop   = "stop"   // stop the one that runs
)

// Asleep is the status of an answer about a disk that sleeps.
const Asleep = 127

// Request names a disk as smartctl reaches it.
type Request struct {
	Node string `json:"node"`
	Type string `json:"type,omitempty"` // smartctl's --device; empty: it finds out
	Do   string `json:"do"`
}

var (
	node = regexp.MustCompile(`^/dev/(sd[a-z]{1,4}|nvme\d{1,4}n\d{1,4}|sg\d{1,5}|twa\d{1,3}|bus/\d{1,5})$`)
	kind = regexp.MustCompile(`^((megaraid|cciss|areca|3ware),\d{1,3}|aacraid,\d{1,5},\d{1,3},\d{1,3})?$`)
)

// Validate says what is wrong with a request: nothing but disks is asked, in no other way.
func (r Request) Validate() error {
	switch {
	case !node.MatchString(r.Node):
		return fmt.Errorf("%q is no disk", r.Node)
	case !kind.MatchString(r.Type):
		return fmt.Errorf("%q is no way to reach a disk", r.Type)
	case r.Do != Report && r.Do != Short && r.Do != Long && r.Do != Stop:
		return fmt.Errorf("%q cannot be asked for", r.Do)
	}
	return nil
}

// Answer is what smartctl said; its status is smartctl's (smartctl(8)), or Asleep.
type Answer = errand.Answer

// ErrBusy is returned while the disk has not answered a former question.
var ErrBusy = errand.ErrBusy

// Client asks by a socket.
type Client struct{ Socket string }

// Ask asks one question. When ctx ends first it is given up.
func (c Client) Ask(ctx context.Context, r Request) (Answer, error) {
	if err := r.Validate(); err != nil {
		return Answer{}, err
	}
	return errand.Ask(ctx, c.Socket, r)
}
