package shell

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vigie/internal/api"
)

const (
	// askWithin is how long the system service may take to say how long shells are permitted.
	askWithin = 5 * time.Second
	// again is the pause before it is asked again, tries how often.
	again = time.Second
	tries = 5
)

// permitter is the system service: a systemapi.Client.
type permitter interface {
	SSH(ctx context.Context) (api.SSH, error)
}

// leave is how long shells may run. Times are those of the monotonic clock: the wall clock may be set meanwhile.
type leave struct {
	mu      sync.Mutex
	over    context.Context // ends when the leave does
	end     context.CancelFunc
	timer   *time.Timer
	version string // of the settings that were asked for last
}

// newLeave returns one that has not been given.
func newLeave() *leave {
	l := &leave{}
	l.over, l.end = context.WithCancel(context.Background())
	l.end()
	return l
}

// always gives leave until the function that it returns is called.
func (l *leave) always() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over, l.end = context.WithCancel(context.Background())
	return l.end
}

// follow takes over what the machine's state says.
func (l *leave) follow(ctx context.Context, system permitter, s api.SSHSwitch, log *slog.Logger) {
	if !s.Shell {
		l.set(0)
		l.version = ""
		return
	}
	if s.Version == l.version {
		return
	}
	for try := range tries {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		asked := time.Now()
		settings, err := system.SSH(asking)
		cancel()
		if err == nil {
			l.version = s.Version
			l.set(time.Duration(settings.Shell.LeftMs)*time.Millisecond - time.Since(asked)) // none: not permitted any more
			return
		}
		log.Warn("how long shells are permitted is not known", "err", err, "try", try)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// set gives leave for a while from now; zero and less takes it away.
func (l *leave) set(left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if left <= 0 {
		l.end()
		return
	}
	if l.over.Err() != nil {
		l.over, l.end = context.WithCancel(context.Background())
	}
	l.timer = time.AfterFunc(left, l.end)
}

// given is a context that ends with the leave; it has ended while there is none.
func (l *leave) given() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
