package sessions

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"vigie/internal/atomicfile"
)

// saved is one session in the file. The key is a hash; the file holds nothing that lets anybody in.
type saved struct {
	Key      string `json:"key"` // hex
	Username string `json:"username"`
	OpenedMs int64  `json:"openedMs"`
	UsedMs   int64  `json:"usedMs"`
}

// maxFile bounds what Load reads, in bytes.
const maxFile = 4 << 20

// Load takes up the sessions that an earlier run of the service left. No file is no sessions. Sessions that have
// expired are left out, and so are those from the future, of which the clock has been turned back past their start.
// valid says which users still exist. An error leaves the table empty.
func (t *Table) Load(valid func(username string) bool) error {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open sessions: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > maxFile {
		return fmt.Errorf("read sessions: not a plausible file: %v", err)
	}
	var all []saved
	if err := json.NewDecoder(f).Decode(&all); err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, one := range all {
		opened, used := time.UnixMilli(one.OpenedMs), time.UnixMilli(one.UsedMs)
		sum, err := hex.DecodeString(one.Key)
		if err != nil || len(sum) != len(key{}) {
			continue
		}
		if opened.After(now) || used.After(now) || used.Before(opened) || !valid(one.Username) {
			continue
		}
		if s := t.add(key(sum), one.Username, opened, used); !now.Before(t.expires(s)) {
			t.drop(s)
		}
	}
	return nil
}

// save writes the table; the caller holds the mutex. A failure is logged once and costs no more than that a restart of
// the service logs people out.
func (t *Table) save() {
	all := make([]saved, 0, len(t.entries))
	for k, s := range t.entries {
		all = append(all, saved{hex.EncodeToString(k[:]), s.Username, s.opened.UnixMilli(), s.used.UnixMilli()})
	}
	content, err := json.Marshal(all)
	if err == nil {
		err = atomicfile.Write(t.path, content, 0o600)
	}
	if err != nil && !t.failing {
		t.log.Warn("sessions are not kept for a restart of the service", "err", err)
	}
	t.failing, t.dirty = err != nil, false
}
