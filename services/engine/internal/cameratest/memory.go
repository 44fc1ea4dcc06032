package cameratest

import (
	"sync"

	"vigie/services/engine/internal/media"
)

// memory keeps what was encoded for as long as the tests of a package run: encoders take most of their processor time.
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
func (m *memory[K, V]) get(key K, make func() *V) *V {
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
	if k.value == nil {
		k.value = make()
	}
	return k.value
}
