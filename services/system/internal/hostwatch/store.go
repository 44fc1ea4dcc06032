package hostwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"vigie/internal/atomicfile"
)

// kept is what outlives the service.
type kept struct {
	Hosts  map[string]keptHost `json:"hosts"` // by address in lower case
	Events []Event             `json:"events"`
}

type keptHost struct {
	State   State   `json:"state"`
	Reason  string  `json:"reason,omitempty"`
	SinceMs int64   `json:"sinceMs"`
	History history `json:"history"`
}

func (w *Watch) save() {
	w.mu.Lock()
	k := kept{Hosts: map[string]keptHost{}, Events: w.events}
	for key, h := range w.hosts {
		k.Hosts[key] = keptHost{h.state, h.reason, h.since.UnixMilli(), h.history}
	}
	b, err := json.Marshal(k)
	w.mu.Unlock()
	if err == nil {
		err = atomicfile.Write(w.cfg.File, b, 0o640)
	}
	if err != nil {
		w.cfg.Log.Error("watched hosts", "err", fmt.Errorf("keep what is known: %w", err))
	}
}

// load takes up what was known before a restart of the service.
func (w *Watch) load() {
	b, err := os.ReadFile(w.cfg.File)
	var k kept
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.cfg.Log.Warn("watched hosts", "err", err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = k.Events
	for key, h := range k.Hosts {
		w.hosts[key] = &host{state: h.State, reason: h.Reason, since: time.UnixMilli(h.SinceMs), history: h.History}
	}
}
