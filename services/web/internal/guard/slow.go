package guard

import (
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// bodyWithin is how long a request's body may take, which is small JSON; of a large one, how long it may stand still.
	bodyWithin = 60 * time.Second
	// writeWithin is how long a client may leave a single write unread. A stream as a whole may last for ever.
	writeWithin = 60 * time.Second
	// renewAfter spares a system call for each of a stream's many writes.
	renewAfter = 5 * time.Second
)

// Slow ends connections of clients that send their request or take their answer at a standstill, and bounds request
// bodies to max bytes, or those of requests that have large ones to what upload says (0: this is none). A connection that has
// been taken over (WebSocket) is no longer its matter.
func Slow(max int64, upload func(*http.Request) int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			most, large := max, false
			if n := upload(r); n > 0 {
				most, large = n, true
			}
			body := &body{ReadCloser: http.MaxBytesReader(w, r.Body, most), ctl: ctl, large: large}
			body.renew()
			defer body.done()
			r.Body = body
		}
		next.ServeHTTP(&writer{ResponseWriter: w, ctl: ctl}, r)
	})
}

// body lifts the read deadline when the body has been read: the deadline would otherwise cut the answer short, since
// the server goes on reading to notice a client that leaves.
type body struct {
	io.ReadCloser
	ctl     *http.ResponseController
	large   bool // it may take as long as it likes, while it comes
	renewed time.Time
	once    sync.Once
}

func (b *body) renew() {
	if now := time.Now(); now.Sub(b.renewed) >= renewAfter {
		b.renewed = now
		// Setting a deadline fails only on a writer that is not a real connection.
		_ = b.ctl.SetReadDeadline(now.Add(bodyWithin))
	}
}

func (b *body) done() {
	b.once.Do(func() { _ = b.ctl.SetReadDeadline(time.Time{}) })
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err != nil:
		b.done()
	case b.large:
		b.renew()
	}
	return n, err
}

func (b *body) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

// writer gives each write its time.
type writer struct {
	http.ResponseWriter
	ctl     *http.ResponseController
	renewed time.Time
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) renew() {
	if now := time.Now(); now.Sub(w.renewed) >= renewAfter {
		w.renewed = now
		_ = w.ctl.SetWriteDeadline(now.Add(writeWithin))
	}
}

func (w *writer) WriteHeader(status int) {
	w.renew()
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.renew()
	return w.ResponseWriter.Write(p)
}
