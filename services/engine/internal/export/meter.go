package export

import (
	"sync"
	"time"
)

// meter tells how far an export has come, and how fast. It may be used from any goroutine.
type meter struct {
	mu    sync.Mutex
	bytes int64 // offset up to which it was given out
	marks []mark
	err   string // why it stopped last
}

type mark struct {
	at    time.Time
	bytes int64
}

// reading is a meter's answer.
type reading struct{ bytes, perSecond int64 }

// speedOver is the time over which speed is measured.
const speedOver = 5 * time.Second

func (m *meter) begin(from int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes, m.marks, m.err = from, nil, ""
}

func (m *meter) add(n int, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += int64(n)
	if k := len(m.marks); k > 0 && now.Sub(m.marks[k-1].at) < speedOver/10 {
		return
	}
	m.marks = append(m.marks, mark{now, m.bytes})
	for len(m.marks) > 2 && now.Sub(m.marks[0].at) > speedOver {
		m.marks = m.marks[1:]
	}
}

func (m *meter) stop(err string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks, m.err = nil, err
}

func (m *meter) trouble() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

func (m *meter) read(now time.Time) (r reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.bytes = m.bytes
	if len(m.marks) > 0 {
		if d := now.Sub(m.marks[0].at); d > speedOver/10 {
			r.perSecond = int64(float64(m.bytes-m.marks[0].bytes) / d.Seconds())
		}
	}
	return r
}
