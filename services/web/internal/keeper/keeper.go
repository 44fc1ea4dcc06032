// Package keeper looks after the accounts database and the certificates in it while disks, names and addresses come and go.
//
// It opens the database once every disk present at boot has been looked at, or after a while without that word, from
// the newest copy on any volume; then it has each mounted volume carry a copy. Until then TLS handshakes wait for the
// appliance's own certificate, shortly; after that a provisional one serves. The provisional certificate becomes the
// appliance's own when there is no other, but it is written down only when a volume carries the database or an
// administrator is set: a database that was never written to gives way to one on a disk that comes late.
//
// A name or address that no certificate is for gets one (package certificate) as soon as it is seen, or asked for in a
// handshake. Connections that stand are not touched.
//
// One goroutine (Run) makes all changes of the database but the note of a damaged copy; the other methods may be called
// from any.
package keeper

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/mirror"
	"vigie/services/system/systemapi"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/certificate"
	"vigie/services/web/internal/machine"
)

const (
	// name is the database's, and of its folder on a volume (DESIGN.md, Volumes).
	name = "accounts"
	// handshakeWithin is how long a handshake waits for the certificate. Browsers give up much later.
	handshakeWithin = 5 * time.Second
	// lookAgain is how often the state of the copies is looked at while something waits for it.
	lookAgain = time.Second
)

// ProbeName is the server name with which the service's own health check asks: it gets any certificate, at once.
const ProbeName = "probe.vigie.invalid"

// Config is what a Keeper is made of.
type Config struct {
	Dir      string                   // tmpfs, for the live database
	Machine  func() *machine.State    // the newest state
	Names    func() certificate.Names // that the machine has now
	Opened   func(*accounts.Store)    // called once, when the accounts are there
	Announce func(volatile bool)      // called when that, or a fingerprint, may have changed
	Log      *slog.Logger
}

// Keeper owns the database.
type Keeper struct {
	Config
	wake    chan struct{}
	settled chan struct{} // closed when the certificate is the appliance's own
	set     atomic.Pointer[certificate.Set]
	signing sync.Mutex                // over changes of set
	opened  atomic.Pointer[mirror.DB] // the database, for Copies
	bad     *mirror.Damages
	used    atomic.Bool // somebody was served with the provisional certificate

	// Of Run's goroutine only:
	db     *mirror.DB
	store  *accounts.Store
	stored *certificate.Set      // what is in the database; nil: nothing
	dirs   map[string]mirror.Dir // by volume
}

// New makes a Keeper with a provisional certificate.
func New(c Config) (*Keeper, error) {
	k := &Keeper{Config: c, wake: make(chan struct{}, 1), settled: make(chan struct{}), dirs: map[string]mirror.Dir{}, bad: mirror.NewDamages()}
	return k, k.provide()
}

// provide makes a provisional certificate.
func (k *Keeper) provide() error {
	set, err := certificate.New(time.Now(), k.Names())
	if err == nil {
		k.set.Store(set)
	}
	return err
}

// Certificate is for tls.Config.GetCertificate.
func (k *Keeper) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := time.Now()
	if hello.ServerName == ProbeName {
		return k.set.Load().For(now), nil
	}
	timeout := time.NewTimer(handshakeWithin)
	defer timeout.Stop()
	select {
	case <-k.settled:
	case <-timeout.C:
		k.used.Store(true)
		return k.set.Load().For(now, hello.ServerName), nil
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
	here := local(hello.Conn)
	if set := k.set.Load(); here != "" && !set.Has(now, hello.ServerName) && !set.Has(now, here) {
		k.extend() // the address is newer than the last look
	}
	return k.set.Load().For(now, hello.ServerName, here), nil
}

// local is the machine's address that a connection came to; "" for one that nobody types.
func local(c net.Conn) string {
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil || a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() {
		return ""
	}
	return a.Addr().Unmap().String()
}

// extend sees to a certificate for each name of the machine.
func (k *Keeper) extend() {
	k.signing.Lock()
	defer k.signing.Unlock()
	set, names := k.set.Load(), k.Names()
	next, err := set.With(time.Now(), names)
	if err != nil {
		k.Log.Error("certificate", "err", err)
		return
	}
	if next != set {
		k.set.Store(next)
		k.Log.Warn("a new certificate, of the same key, for names that had none; the others keep theirs", "hosts", names.Hosts, "addresses", names.Addresses)
		k.Look()
	}
}

// Fingerprint is of the certificate that is served to who asks for a name or address, provisional or not.
func (k *Keeper) Fingerprint(host string) string {
	return certificate.Fingerprint(k.set.Load().For(time.Now(), host))
}

// Look makes Run look at the machine's state, the copies and the accounts again.
func (k *Keeper) Look() {
	select {
	case k.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Copies are those of the database on the volumes; nil until it is open.
func (k *Keeper) Copies() []mirror.Copy {
	if db := k.opened.Load(); db != nil {
		return k.bad.Copies(db)
	}
	return nil
}

// Warnings tell what of the copies needs attention.
func (k *Keeper) Warnings() (out []string) {
	names := map[string]string{}
	for _, v := range k.Machine().Volumes {
		names[v.ID] = v.Name
	}
	for _, c := range k.Copies() {
		out = append(out, c.Warnings("the accounts", cmp.Or(names[c.ID], c.ID))...)
	}
	return out
}

// Run opens the database when its time has come, and keeps it until ctx ends.
func (k *Keeper) Run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	defer func() {
		stop()
		keeping.Wait()
		if k.db != nil {
			err = errors.Join(err, k.db.Close())
		}
	}()
	late := time.NewTimer(systemapi.SettleWithin)
	defer late.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	waiting := true
	for {
		if k.db == nil && (!waiting || k.Machine().Settled) {
			if err := k.open(); err != nil {
				return err
			}
			keeping.Go(func() { k.bad.Keep(ctx, k.db, k.Log) })
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
	machine := k.Machine()
	for _, v := range machine.Volumes {
		dirs = append(dirs, dir(v))
		k.dirs[v.ID] = dir(v)
	}
	db, found, err := mirror.Open(mirror.Config{
		Path:      filepath.Join(k.Dir, name+".db"),
		Name:      name,
		Log:       k.Log,
		Forgotten: machine.Forgotten,
		Adopted:   k.Look,
		Rewritten: k.bad.Note,
	}, dirs)
	if err != nil {
		return err
	}
	k.db = db
	if err := k.bad.Load(db); err != nil {
		return err
	}
	k.opened.Store(db)
	k.store = accounts.New(accounts.Mirrored(db))
	k.Log.Info("accounts opened", "from", found.Source, "volumes", len(dirs))
	if !k.used.Load() { // nobody has seen it: it may as well have all names that came meanwhile
		if err := k.provide(); err != nil {
			return err
		}
	}
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
	if k.stored == nil {
		if err := k.certify(); err != nil {
			return err
		}
	}
	k.extend()
	if k.stored != nil && k.stored != k.set.Load() {
		if err := k.write(); err != nil { // after a restart they are made anew, and people warned
			k.Log.Error("certificate", "err", err)
			k.stored = k.set.Load()
		}
	}
	k.Announce(k.db.Volatile())
	return nil
}

// certify serves the stored certificates, or stores those that are served if that is the time to.
func (k *Keeper) certify() error {
	p, ok, err := k.store.Certificate()
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if ok {
		set, err := certificate.Read(p)
		if err == nil {
			k.signing.Lock()
			defer k.signing.Unlock()
			k.set.Store(set)
			k.stored = set
			return nil
		}
		// A new one is better than none: people see on the console that the fingerprint has changed.
		k.Log.Error("the stored certificate is damaged; a new one takes its place", "err", err)
	}
	empty, err := k.store.Empty()
	if err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	if !ok && empty && !k.carried() {
		return nil
	}
	return k.write()
}

// write stores the certificates that are served.
func (k *Keeper) write() error {
	set := k.set.Load()
	if err := k.store.SetCertificate(set.Stored()); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	k.stored = set
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
