package cameratest

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"vigie/services/engine/internal/media"
)

// made is to be raised with each change of how clips are made, for they are kept: encoders would take most of the time of
// a package's tests.
const made = 1

// memory keeps what was encoded, while the tests of a package run and, for the others and the next time, in the folder
// vigie/clips of the user's cache.
type memory[K comparable, V any] struct {
	mu  sync.Mutex
	all map[K]*kept[V]
}

type kept[V any] struct {
	mu    sync.Mutex
	value *V
}

var (
	videos memory[VideoOptions, Video]
	audios memory[media.Codec, Audio]
)

// get returns what was made of a key before, or makes it. Callers must not change what it leads to.
func (m *memory[K, V]) get(t testing.TB, key K, make func() *V) *V {
	t.Helper()
	m.mu.Lock()
	if m.all == nil {
		m.all = map[K]*kept[V]{}
	}
	k := m.all[key]
	if k == nil {
		k = &kept[V]{}
		m.all[key] = k
	}
	m.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock() // make may end the test
	if k.value != nil {
		return k.value
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "vigie", "clips", fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %T %+v", made, key, key))))
	if v := new(V); load(path, v) {
		k.value = v
		return v
	}
	k.value = make()
	if err := save(path, k.value); err != nil {
		t.Errorf("clip is not kept: %v", err)
	}
	return k.value
}

// load reads what save wrote. What is broken is made anew.
func load(path string, v any) bool {
	b, err := os.ReadFile(path)
	return err == nil && gob.NewDecoder(bytes.NewReader(b)).Decode(v) == nil
}

// save writes a clip. Two packages that make the same at once both succeed.
func save(path string, v any) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
