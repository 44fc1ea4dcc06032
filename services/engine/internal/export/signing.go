package export

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/manifest"
)

// bucketKey holds the signing key, which leaves the database only to sign: it is in no answer and in no log.
const bucketKey = "signing-key"

// keyRow is the key as it is stored.
type keyRow struct {
	Seed      []byte `json:"seed"`
	CreatedMs int64  `json:"createdMs"`
}

// ErrNoKey: the appliance has no signing key yet, because no disk would keep it.
var ErrNoKey = errors.New("there is no data volume yet to keep the signing key on")

// Keys is where the appliance's signing key is. It is made once, when the database is first on a disk: one that was lost
// with the memory would have signed what nobody can check any more.
type Keys struct {
	db      DB
	durable func() bool

	mu      sync.Mutex
	key     manifest.Key
	created int64 // ms; 0: there is no key yet
}

// NewKeys returns the keys in a database, of which durable tells whether what is written to it reaches a disk.
func NewKeys(db DB, durable func() bool) *Keys { return &Keys{db: db, durable: durable} }

// Key returns the signing key and when it was made, and makes it if there is none.
func (k *Keys) Key() (manifest.Key, int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.created != 0 {
		return k.key, k.created, nil
	}
	var r keyRow
	err := k.db.View(func(tx *mirror.Tx) error {
		if b := tx.Get(bucketKey, []byte("ed25519")); b != nil {
			return json.Unmarshal(b, &r)
		}
		return nil
	})
	if err != nil {
		return manifest.Key{}, 0, fmt.Errorf("read signing key: %w", err)
	}
	if r.Seed == nil {
		if !k.durable() {
			return manifest.Key{}, 0, ErrNoKey
		}
		r = keyRow{make([]byte, manifest.SeedSize), time.Now().UnixMilli()}
		_, _ = rand.Read(r.Seed) // never fails
		b, err := json.Marshal(r)
		if err == nil {
			err = k.db.Update(func(tx *mirror.Tx) error { return tx.Put(bucketKey, []byte("ed25519"), b) })
		}
		if err != nil {
			return manifest.Key{}, 0, fmt.Errorf("store signing key: %w", err)
		}
	}
	key, err := manifest.NewKey(r.Seed)
	if err != nil {
		return manifest.Key{}, 0, err
	}
	k.key, k.created = key, r.CreatedMs
	return key, k.created, nil
}
