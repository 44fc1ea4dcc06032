// Package smartapi asks the smart service: the only package of it that another may import.
//
// It is one question a connection to a unix socket that root alone may open: a Request as a line of JSON, an Answer as
// another. Closing the connection gives the question up.
package smartapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"
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

// MaxAnswer bounds an answer in bytes; smartctl's longest are 100 kB.
const MaxAnswer = 4 << 20

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

// Answer is what smartctl said.
type Answer struct {
	Status int    `json:"status"` // its exit status (smartctl(8)), or Asleep
	Output string `json:"output,omitempty"`
	// Busy: a former question to this disk has not been answered yet.
	Busy  bool   `json:"busy,omitempty"`
	Error string `json:"error,omitempty"` // smartctl could not be asked
}

// ErrBusy: see Answer.Busy.
var ErrBusy = errors.New("the disk has not answered a former question")

// Client asks by a socket.
type Client struct{ Socket string }

// Ask asks one question. When ctx ends first it is given up.
func (c Client) Ask(ctx context.Context, r Request) (Answer, error) {
	if err := r.Validate(); err != nil {
		return Answer{}, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return Answer{}, err
	}
	var a Answer
	if err := json.NewDecoder(io.LimitReader(conn, MaxAnswer)).Decode(&a); err != nil {
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		return Answer{}, fmt.Errorf("smart service: %w", err)
	}
	switch {
	case a.Busy:
		return a, ErrBusy
	case a.Error != "":
		return a, errors.New(a.Error)
	}
	return a, nil
}
