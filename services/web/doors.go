package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"vigie/internal/sysconfig"
	"vigie/services/web/internal/guard"
)

// doors are where the web admin listens: at the addresses of the flags for good, or without any at the port of the machine's
// configuration, wherever that moves. Methods may be called from many goroutines; move by one at a time.
type doors struct {
	server *http.Server
	limits *guard.Connections
	group  *errgroup.Group // that serves
	moves  bool
	log    *slog.Logger

	mu     sync.Mutex
	open   []net.Listener
	failed int // the port at which it could not listen, told once
}

// newDoors listens. Nobody is served before serve.
func newDoors(addresses []string, log *slog.Logger) (*doors, error) {
	d := &doors{moves: len(addresses) == 0, log: log}
	if d.moves {
		addresses = []string{at(sysconfig.WebPort)}
	}
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			d.close()
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		d.open = append(d.open, l)
	}
	return d, nil
}

func at(port int) string { return net.JoinHostPort("", strconv.Itoa(port)) }

// serve has a server answer at all doors, also at those that open later. It is called once.
func (d *doors) serve(group *errgroup.Group, server *http.Server, limits *guard.Connections) {
	d.group, d.server, d.limits = group, server, limits
	for _, l := range d.listeners() {
		d.answer(l)
	}
}

func (d *doors) answer(l net.Listener) {
	d.log.Info("listening", "address", l.Addr())
	d.group.Go(func() error {
		err := d.server.ServeTLS(d.limits.Limit(l), "", "")
		if errors.Is(err, http.ErrServerClosed) || !slices.Contains(d.listeners(), l) {
			return nil
		}
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	})
}

// move opens the door at a port and then shuts the one before it; who came by that one stays. Where the new one cannot be
// opened, nothing changes: then nobody can confirm the change, which is rolled back by that.
func (d *doors) move(port int) {
	was := d.listeners()
	if !d.moves || port == 0 || was[0].Addr().(*net.TCPAddr).Port == port {
		return
	}
	l, err := net.Listen("tcp", at(port))
	if err != nil {
		if d.failed != port {
			d.log.Error("the web admin cannot move", "port", port, "err", err)
		}
		d.failed = port
		return
	}
	d.failed = 0
	d.mu.Lock()
	d.open = []net.Listener{l}
	d.mu.Unlock()
	d.answer(l)
	_ = was[0].Close() // nobody waits for it
}

// listeners are the doors that are open.
func (d *doors) listeners() []net.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.open)
}

func (d *doors) close() {
	for _, l := range d.listeners() {
		_ = l.Close() // the server has closed it already in most cases
	}
}
