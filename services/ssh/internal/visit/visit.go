// Package visit is the connection of somebody who has logged in by SSH: sessions in which he sees the machine's menu, or has a
// command done. There is nothing else: no files, no forwarding of ports, agents or screens, no environment; each is refused, and
// where the protocol has room for a sentence, with one. While an administrator permits it there is a full shell, of which
// this process has the files and no more (services/shell).
//
// A connection has four sessions at most, ends when it has had none for a minute, and when its other end takes nothing that is
// written for half a minute. Menus that are left alone end (package menu), and commands have their limits (package command).
// Serve waits for every goroutine that it starts.
package visit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"vigie/internal/console/menu"
	"vigie/services/shell/shellapi"
	"vigie/services/ssh/internal/diagnose"
)

const (
	sessionsMost = 4
	idleLimit    = time.Minute      // without a session
	writeWait    = 30 * time.Second // for the other end to take something
)

// Config is what a visit is made of.
type Config struct {
	Machine menu.Machine
	Runner  *diagnose.Runner
	Shells  Shells
	Who     string       // his name
	From    string       // and address
	Log     *slog.Logger // with who it is
}

// Shells opens full shells.
type Shells interface {
	// Permitted says whether there are any at the moment.
	Permitted() bool
	Open(ctx context.Context, r shellapi.Request) (*shellapi.Shell, error)
}

// Visit is one connection.
type Visit struct {
	Config
	conn  ssh.Conn
	parts sync.WaitGroup // every goroutine

	mu    sync.Mutex
	doing map[int]string // by session
	next  int
	idle  *time.Timer
}

// New takes up a connection.
func New(conn ssh.Conn, c Config) *Visit {
	return &Visit{Config: c, conn: conn, doing: map[int]string{}}
}

// Doing says what it is used for.
func (v *Visit) Doing() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch len(v.doing) {
	case 0:
		return "nothing"
	case 1:
		for _, what := range v.doing {
			return what
		}
	}
	return fmt.Sprintf("%d sessions", len(v.doing))
}

// End ends the connection; Serve returns then.
func (v *Visit) End() { _ = v.conn.Close() }

// Serve serves until either end closes the connection or ctx ends.
func (v *Visit) Serve(ctx context.Context, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, v.End)()
	defer v.parts.Wait()
	v.parts.Go(func() { // forwarding, and signs of life, which any answer serves
		for r := range requests {
			if r.WantReply {
				_ = r.Reply(false, nil) // it fails only when the connection has ended
			}
		}
	})
	v.mu.Lock()
	v.idle = time.AfterFunc(idleLimit, v.End)
	v.mu.Unlock()
	defer func() { v.idle.Stop() }()
	for n := range channels {
		if n.ChannelType() != "session" {
			v.Log.Warn("refused", "what", named(n.ChannelType()))
			_ = n.Reject(ssh.Prohibited, "this machine forwards nothing: only its menu and its commands can be used")
			continue
		}
		id, ok := v.begin()
		if !ok {
			_ = n.Reject(ssh.ResourceShortage, "as many sessions run in this connection as there may be")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			v.end(id)
			continue
		}
		v.parts.Go(func() {
			defer v.end(id)
			s := &session{visit: v, id: id, ch: ch, out: &patient{w: ch, end: v.End}}
			s.err = &patient{w: ch.Stderr(), end: v.End}
			s.serve(ctx, requests)
		})
	}
	cancel()
}

func (v *Visit) begin() (id int, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.doing) >= sessionsMost {
		return 0, false
	}
	v.idle.Stop()
	v.next++
	v.doing[v.next] = "nothing yet"
	return v.next, true
}

func (v *Visit) does(id int, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doing[id] = what
}

func (v *Visit) end(id int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.doing, id)
	if len(v.doing) == 0 {
		v.idle.Reset(idleLimit)
	}
}

// named bounds what the other end says.
func named(s string) string { return fmt.Sprintf("%.40q", s) }
