package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vigie/internal/answer"
)

// patience is how long a client may take for a piece.
const patience = time.Minute

// name is that of what is downloaded.
func (b *bundle) name(zip bool) string {
	if !b.alone(zip) {
		e := b.about.Export
		return fmt.Sprintf("%s %s.zip", safeName(b.about.Appliance), time.UnixMilli(e.FromMs).In(b.zone).Format("2006-01-02 15.04.05"))
	}
	return b.files[0].file.name
}

// folderName is that of the export's folder on a medium.
func (b *bundle) folderName() string {
	return strings.TrimSuffix(b.name(true), ".zip")
}

// alone tells whether a single file is what is downloaded.
func (b *bundle) alone(zip bool) bool { return len(b.files) == 1 && !zip }

// size is the length of what is downloaded.
func (b *bundle) size(ctx context.Context, zip bool) (int64, error) {
	if b.alone(zip) {
		return b.files[0].file.size(), nil
	}
	return b.archive(ctx, nil, io.Discard, math.MaxInt64)
}

// Download answers a request for an export's bytes, or a range of them.
func (x *Exports) Download(w http.ResponseWriter, r *http.Request, id string) error {
	j, err := x.get(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()
	b, err := x.open(ctx, j)
	if err != nil {
		return err
	}
	defer x.release(j)
	defer x.hold(j)()
	j.mu.Lock()
	size, tag, zip := j.row.SizeBytes, `"`+j.tag+`"`, j.row.Zip
	j.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", b.files[0].file.container.mediaType())
	if !b.alone(zip) {
		h.Set("Content-Type", "application/zip")
	}
	h.Set("Content-Disposition", disposition(b.name(zip)))
	h.Set("Cache-Control", "no-store")
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", tag)
	from, to, partial := int64(0), size, false
	if ask := r.Header.Get("Range"); ask != "" && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == tag) {
		if from, to, partial, err = parseRange(ask, size); err != nil {
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			return answer.Refuse(http.StatusRequestedRangeNotSatisfiable, "bad_range", fmt.Sprintf("The export has %d bytes; what was asked for lies behind its end.", size))
		}
	}
	h.Set("Content-Length", strconv.FormatInt(to-from, 10))
	status := http.StatusOK
	if partial {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	out := &delivery{w: w, control: http.NewResponseController(w), left: to - from, meter: &j.meter}
	j.meter.begin(from)
	if zip || !b.alone(zip) {
		_, err = b.archive(ctx, x.cfg.Archive, out, from)
	} else {
		_, err = b.files[0].write(ctx, x.cfg.Archive, out, from)
	}
	x.delivered(j, from+(to-from-out.left), size, err)
	if out.left > 0 { // the answer has begun: all that can be said is that it is not whole
		panic(http.ErrAbortHandler)
	}
	return nil
}

// open readies an export for being read.
func (x *Exports) open(ctx context.Context, j *job) (*bundle, error) {
	j.mu.Lock()
	elsewhere := j.row.Medium
	j.mu.Unlock()
	if elsewhere != nil {
		return nil, answer.Refuse(http.StatusConflict, "on_medium", fmt.Sprintf("This export is for the USB disk %s. Make another one to download.", elsewhere.Name))
	}
	select {
	case <-j.prepared:
	default:
		p := answer.Refuse(http.StatusConflict, "preparing", "The export is still being prepared. Try again in a moment.")
		p.Detail.RetryAfterMs = 1000
		return nil, p
	}
	select {
	case x.slots <- struct{}{}:
	default:
		p := answer.Refuse(http.StatusServiceUnavailable, "busy", fmt.Sprintf("%d exports are being read already, which is the most at a time. Try again when one is done.", mostRunning))
		p.Detail.RetryAfterMs = 10_000
		return nil, p
	}
	j.mu.Lock()
	j.users++
	failure := j.failure
	j.mu.Unlock()
	if failure != "" {
		x.release(j)
		return nil, answer.Refuse(http.StatusConflict, "failed", failure)
	}
	b, err := x.planned(ctx, j)
	if err != nil {
		x.release(j)
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, answer.Refuse(http.StatusConflict, "gone", sentence(err))
	}
	return b, nil
}

func (x *Exports) release(j *job) {
	j.mu.Lock()
	j.users--
	j.used = time.Now()
	j.mu.Unlock()
	<-x.slots
}

// delivered notes how a download ended.
func (x *Exports) delivered(j *job, off, size int64, err error) {
	text := ""
	if off == size {
		err = nil
	}
	if err != nil && !errors.Is(err, errEnough) && !errors.As(err, new(*clientError)) {
		text = sentence(err)
		x.cfg.Log.Warn("export ended early", "export", j.row.ID, "bytes", off, "of", size, "err", err)
	}
	j.meter.stop(text)
	if off < size || j.ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	j.row.DoneMs = time.Now().UnixMilli()
	r := j.row
	j.mu.Unlock()
	if err := store(x.cfg.DB, r); err != nil {
		x.cfg.Log.Error("cannot note that an export was taken", "export", r.ID, "err", err)
	}
}

// clientError is that the client takes nothing any more.
type clientError struct{ error }

func (c *clientError) Unwrap() error { return c.error }

// errEnough ends the writing of what was asked for only in part.
var errEnough = errors.New("no more was asked for")

// delivery gives a client what it asked for.
type delivery struct {
	w       io.Writer
	control *http.ResponseController
	left    int64
	meter   *meter
}

func (d *delivery) Write(b []byte) (int, error) {
	_ = d.control.SetWriteDeadline(time.Now().Add(patience)) // a recorder of tests has none
	some := b[:min(int64(len(b)), d.left)]
	n, err := d.w.Write(some)
	d.left -= int64(n)
	d.meter.add(n, time.Now())
	switch {
	case err != nil:
		return n, &clientError{err}
	case d.left == 0 && n < len(b):
		return n, errEnough
	}
	return n, nil
}

// parseRange reads a Range header of one range (RFC 9110 §14.1.2). One that is not understood, or has several, is for the
// whole; the error says that it lies behind the end.
func parseRange(s string, size int64) (from, to int64, partial bool, err error) {
	unit, spec, ok := strings.Cut(s, "=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	a, aerr := strconv.ParseUint(first, 10, 63)
	z, zerr := strconv.ParseUint(last, 10, 63)
	switch {
	case first == "" && zerr == nil && z > 0: // the last z bytes
		return max(size-int64(z), 0), size, true, nil
	case first == "" && zerr == nil:
		return 0, 0, false, errPlan
	case aerr != nil || last != "" && (zerr != nil || z < a):
		return 0, size, false, nil
	case int64(a) >= size:
		return 0, 0, false, errPlan
	case last == "":
		return int64(a), size, true, nil
	}
	return int64(a), min(int64(z), size-1) + 1, true, nil
}

// disposition names a download: in ASCII, and as it is (RFC 6266).
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
}
