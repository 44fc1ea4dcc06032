package account

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/login"
	"vigie/services/engine/internal/rowid"
)

// Buckets and keys of the database.
const (
	bucketAccounts = "relayAccounts"
	bucketRelay    = "relay"
	keySettings    = "settings"
	keyCertificate = "certificate"
)

// DB is the part of mirror.DB that is used.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Book is settings and accounts. Make one with Open.
type Book struct {
	db      DB
	changed func()

	write    sync.Mutex // held while something changes: database and memory change in one order
	mu       sync.RWMutex
	settings api.RelaySettings
	rows     map[string]*Row // by name; a row is replaced, never changed
}

// Open reads what is stored.
func Open(db DB) (*Book, error) {
	b := &Book{db: db, changed: func() {}, settings: defaultSettings(), rows: map[string]*Row{}}
	err := db.View(func(tx *mirror.Tx) error {
		if v := tx.Get(bucketRelay, []byte(keySettings)); v != nil {
			if err := json.Unmarshal(v, &b.settings); err != nil {
				return fmt.Errorf("settings of the relay: %w", err)
			}
		}
		for k, v := range tx.Range(bucketAccounts, nil, nil) {
			r := &Row{}
			if err := json.Unmarshal(v, r); err != nil {
				return fmt.Errorf("account %s of the relay: %w", k, err)
			}
			b.rows[r.Name] = r
		}
		return nil
	})
	return b, err
}

// OnChange sets what is called after each change; for before anything changes.
func (b *Book) OnChange(f func()) { b.changed = f }

// Settings returns the settings in force.
func (b *Book) Settings() api.RelaySettings {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.settings
}

// SetSettings changes them. The error is an *answer.Problem where the request is at fault.
func (b *Book) SetSettings(s api.RelaySettings) error {
	if err := checkSettings(s); err != nil {
		return err
	}
	return b.change(func() error {
		return b.put(bucketRelay, keySettings, s)
	}, func() { b.settings = s })
}

// change does something to the database and then to memory, and tells of it.
func (b *Book) change(disk func() error, memory func()) error {
	b.write.Lock()
	defer b.write.Unlock()
	if err := disk(); err != nil {
		return err
	}
	b.mu.Lock()
	memory()
	b.mu.Unlock()
	b.changed()
	return nil
}

func (b *Book) put(bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.db.Update(func(tx *mirror.Tx) error { return tx.Put(bucket, []byte(key), text) })
}

// Account returns the account of a user name; nil: there is none.
func (b *Book) Account(name string) *Row {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.rows[name]
}

// byID finds a row; nil: there is none. write is held, or mu.
func (b *Book) byID(id string) *Row {
	for _, r := range b.rows {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Accounts lists them in order of name.
func (b *Book) Accounts() []api.RelayAccount {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]api.RelayAccount, 0, len(b.rows))
	for _, r := range b.rows {
		out = append(out, r.API())
	}
	slices.SortFunc(out, func(a, b api.RelayAccount) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Add adds an account and tells its password.
func (b *Book) Add(q api.RelayAccountRequest, now time.Time) (api.RelayAccountSecret, error) {
	row, err := Row{ID: "r" + rowid.New(), CreatedMs: now.UnixMilli()}.with(q, now)
	if err != nil {
		return api.RelayAccountSecret{}, err
	}
	password := newPassword()
	row.Secret = login.NewSecret(row.Name, Realm, password)
	err = b.change(func() error {
		if len(b.rows) >= maxAccounts {
			return answer.Refuse(http.StatusConflict, "too_many", fmt.Sprintf("There are %d accounts already: delete one that is not used.", maxAccounts))
		}
		if b.rows[row.Name] != nil {
			return nameTaken(row.Name)
		}
		return b.put(bucketAccounts, row.ID, row)
	}, func() { b.rows[row.Name] = &row })
	return api.RelayAccountSecret{Account: row.API(), Password: password}, err
}

func nameTaken(name string) error {
	return answer.Field("name", "name_taken", fmt.Sprintf("Another account is already called %q.", name))
}

// Change changes an account. Its password is hashed with its name: who wants another name adds another account.
func (b *Book) Change(id string, q api.RelayAccountRequest, now time.Time) (api.RelayAccount, error) {
	var row Row
	err := b.change(func() error {
		old := b.byID(id)
		if old == nil {
			return errNoAccount()
		}
		var err error
		if row, err = old.with(q, now); err != nil {
			return err
		}
		if row.Name != old.Name {
			return answer.Field("name", "name_fixed", "An account keeps its name, as its password goes with it. Add another account instead.")
		}
		return b.put(bucketAccounts, id, row)
	}, func() { b.rows[row.Name] = &row })
	return row.API(), err
}

// Renew gives an account a new password and tells it.
func (b *Book) Renew(id string) (api.RelayAccountSecret, error) {
	var row Row
	password := newPassword()
	err := b.change(func() error {
		old := b.byID(id)
		if old == nil {
			return errNoAccount()
		}
		row = *old
		row.Secret = login.NewSecret(row.Name, Realm, password)
		return b.put(bucketAccounts, id, row)
	}, func() { b.rows[row.Name] = &row })
	return api.RelayAccountSecret{Account: row.API(), Password: password}, err
}

// Delete deletes an account.
func (b *Book) Delete(id string) error {
	var old *Row
	return b.change(func() error {
		if old = b.byID(id); old == nil {
			return errNoAccount()
		}
		return b.db.Update(func(tx *mirror.Tx) error { return tx.Delete(bucketAccounts, []byte(id)) })
	}, func() { delete(b.rows, old.Name) })
}

// Certificate returns what make made the first time it was asked for.
func (b *Book) Certificate(fresh func() ([]byte, error)) ([]byte, error) {
	b.write.Lock()
	defer b.write.Unlock()
	stored, err := b.StoredCertificate()
	if err != nil || stored != nil {
		return stored, err
	}
	if stored, err = fresh(); err != nil {
		return nil, err
	}
	return stored, b.db.Update(func(tx *mirror.Tx) error { return tx.Put(bucketRelay, []byte(keyCertificate), stored) })
}

// StoredCertificate is the certificate that there is; nil: none was needed yet.
func (b *Book) StoredCertificate() (stored []byte, err error) {
	err = b.db.View(func(tx *mirror.Tx) error {
		stored = slices.Clone(tx.Get(bucketRelay, []byte(keyCertificate)))
		return nil
	})
	return stored, err
}
