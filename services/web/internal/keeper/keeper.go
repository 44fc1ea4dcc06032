// Package keeper looks after the accounts database and the certificate in it while disks come and go.
//
// It opens the database once every disk present at boot has been looked at, or after a while without that word, from
// the newest copy on any volume; then it has each mounted volume carry a copy. Until then TLS handshakes wait for the
// appliance's own certificate, shortly; after that a provisional one serves. The provisional certificate becomes the
// appliance's own when there is no other, but it is written down only when a volume carries the database or an
// administrator is set: a database that was never written to gives way to one on a disk that comes late.
//
// One goroutine (Run) makes all changes; the other methods may be called from any.
package keeper

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"vigie/internal/mirror"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/certificate"
	"vigie/services/web/internal/machine"
)

const (
	// name is the database's, and of its folder on a volume (DESIGN.md, Volumes).
	name = "accounts"
	// settleWithin is how long to wait for the word that all disks have been looked at.
	settleWithin = 20 * time.Second
	// handshakeWithin is how long a handshake waits for the certificate. Browsers give up much later.
	handshakeWithin = 5 * time.Second
	// lookAgain is how often the state of the copies is looked at while something waits for it.
	lookAgain = time.Second
)

// ProbeName is the server name with which the service's own health check asks: it gets any certificate, at once.
const ProbeName = "probe.vigie.invalid"

// Config is what a Keeper is made of.
type Config struct {
	Dir      string                                  // tmpfs, for the live database
	Machine  func() *machine.State                   // the newest state
	Opened   func(*accounts.Store)                   // called once, when the accounts are there
	Announce func(fingerprint string, volatile bool) // called when either may have changed
	Log      *slog.Logger
}

// Keeper owns the database.
type Keeper struct {
	Config
	wake    chan struct{}
	settled chan struct{} // closed when the certificate is the appliance's own
	pair    atomic.Pointer[served]

	// Of Run's goroutine only:
	db     *mirror.DB
	store  *accounts.Store
	stored bool                  // the certificate is in the database
	dirs   map[string]mirror.Dir // by volume
}

// served is a certificate in both forms.
type served struct {
	pair certificate.Pair
	tls  *tls.Certificate
}

// New makes a Keeper with a provisional certificate.
func New(c Config, hostname string, addresses []netip.Addr) (*Keeper, error) {
	k := &Keeper{Config: c, wake: make(chan struct{}, 1), settled: make(chan struct{}), dirs: map[string]mirror.Dir{}}
	pair, err := certificate.New(time.Now(), hostname, addresses)
	if err != nil {
		return nil, err
	}
	return k, k.serve(pair)
}

func (k *Keeper) serve(pair certificate.Pair) error {
	t, err := pair.TLS()
	if err != nil {
		return err
	}
	k.pair.Store(&served{pair: pair, tls: t})
	return nil
}

// Certificate is for tls.Config.GetCertificate.
func (k *Keeper) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != ProbeName {
		timeout := time.NewTimer(handshakeWithin)
		defer timeout.Stop()
		select {
		case <-k.settled:
		case <-timeout.C:
		case <-hello.Context().Done():
			return nil, hello.Context().Err()
		}
	}
	return k.pair.Load().tls, nil
}

// Fingerprint is of the certificate that is served now, provisional or not.
func (k *Keeper) Fingerprint() string { return k.pair.Load().pair.Fingerprint() }

// Look makes Run look at the machine's state, the copies and the accounts again.
func (k *Keeper) Look() {
	select {
	case k.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run opens the database when its time has come, and keeps it until ctx ends.
func (k *Keeper) Run(ctx context.Context) (err error) {
	defer func() {
		if k.db != nil {
			err = errors.Join(err, k.db.Close())
		}
	}()
	late := time.NewTimer(settleWithin)
	defer late.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	waiting := true
	for {
		if k.db == nil && (!waiting || k.Machine().Settled) {
			if err := k.open(); err != nil {
				return err
			}
		}
		if k.db != nil {
			if err := k.look(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-late.C:
			if waiting = false; k.db == nil {
				k.Log.Warn("not all disks have been looked at in time; going on with those there are")
			}
		case <-k.wake:
		case <-again.C:
		}
	}
}

// open opens the database from what the volumes hold.
func (k *Keeper) open() error {
	var dirs []mirror.Dir
	for _, v := range k.Machine().Volumes {
		dirs = append(dirs, dir(v))
		k.dirs[v.ID] = dir(v)
	}
	db, found, err := mirror.Open(mirror.Config{
		Path:    filepath.Join(k.Dir, name+".db"),
		Name:    name,
		Log:     k.Log,
		Adopted: k.Look,
	}, dirs)
	if err != nil {
		return err
	}
	k.db = db
	k.store = accounts.New(accounts.Mirrored(db))
	k.Log.Info("accounts opened", "from", found.Source, "volumes", len(dirs))
	if err := k.certify(); err != nil {
		return err
	}
	close(k.settled)
	k.Opened(k.store)
	return nil
}

func dir(v machine.Volume) mirror.Dir {
	return mirror.Dir{ID: v.ID, Path: filepath.Join(v.Path, "vigie", name), ReadOnly: v.ReadOnly}
}

// look follows volumes, certificate and announcement.
func (k *Keeper) look() error {
	present := map[string]mirror.Dir{}
	for _, v := range k.Machine().Volumes {
		present[v.ID] = dir(v)
	}
	for id, d := range k.dirs {
		if present[id] != d {
			delete(k.dirs, id)
			k.db.RemoveDir(id)
		}
	}
	for id, d := range present {
		if _, known := k.dirs[id]; !known {
			k.dirs[id] = d
			k.db.AddDir(d)
		}
	}
	if !k.stored {
		if err := k.certify(); err != nil {
			return err
		}
	}
	k.Announce(k.Fingerprint(), k.db.Volatile())
	return nil
}

// certify serves the stored certificate, or stores the one that is served if that is the time to.
func (k *Keeper) certify() error {
	pair, ok, err := k.store.Certificate()
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if ok {
		if err := k.serve(pair); err == nil {
			k.stored = true
			return nil
		}
		// A new one is better than none: people see on the console that the fingerprint has changed.
		k.Log.Error("the stored certificate is damaged; a new one takes its place")
	}
	empty, err := k.store.Empty()
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	if !ok && empty && !k.carried() {
		return nil
	}
	if err := k.store.SetCertificate(k.pair.Load().pair); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	k.stored = true
	return nil
}

// carried says whether a volume carries the database.
func (k *Keeper) carried() bool {
	for _, c := range k.db.Copies() {
		if c.Status == mirror.StatusOK {
			return true
		}
	}
	return false
}
