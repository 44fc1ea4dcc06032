package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"vigie/internal/answer"
	"vigie/services/system/systemapi"
)

// DiagnosticMachine is what a technician has looked at. An error before the first result is the answer, a later one ends it.
type DiagnosticMachine interface {
	Ping(ctx context.Context, r systemapi.PingRequest, each func(systemapi.PingReply) error) error
	Trace(ctx context.Context, r systemapi.TraceRequest, each func(systemapi.Hop) error) error
	// Capture calls begun once the request cannot be refused any more.
	Capture(ctx context.Context, r systemapi.CaptureRequest, begun func(), w io.Writer) (systemapi.CaptureResult, error)
}

func (s *server) ping(w http.ResponseWriter, r *http.Request) error {
	return lines(w, r, s.machine.Ping)
}

func (s *server) trace(w http.ResponseWriter, r *http.Request) error {
	return lines(w, r, s.machine.Trace)
}

// lines answers with a JSON object for each result, as it comes.
func lines[Q, A any](w http.ResponseWriter, r *http.Request, do func(context.Context, Q, func(A) error) error) error {
	var req Q
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	out, begun := json.NewEncoder(w), false
	flush := http.NewResponseController(w)
	say := func(v any) error {
		begun = true
		w.Header().Set("Content-Type", "application/x-ndjson")
		return errors.Join(out.Encode(v), flush.Flush())
	}
	err := do(r.Context(), req, func(v A) error { return say(v) })
	if err == nil || r.Context().Err() != nil {
		return nil
	}
	if !begun {
		return err
	}
	_ = say(systemapi.Ending{Error: err.Error()}) // it may be that nobody reads
	return nil
}

// flusher passes each write on at once.
type flusher struct {
	http.ResponseWriter
	ctl *http.ResponseController
}

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	return n, errors.Join(err, f.ctl.Flush())
}

func (s *server) capture(w http.ResponseWriter, r *http.Request) error {
	var req systemapi.CaptureRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	begun := false
	got, err := s.machine.Capture(r.Context(), req, func() {
		begun = true
		w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
		for _, name := range []string{systemapi.TrailerPackets, systemapi.TrailerDropped, systemapi.TrailerEnd, systemapi.TrailerProblem} {
			w.Header().Add("Trailer", name)
		}
	}, flusher{w, http.NewResponseController(w)})
	if !begun {
		return err
	}
	w.Header().Set(systemapi.TrailerPackets, strconv.FormatInt(got.Packets, 10))
	w.Header().Set(systemapi.TrailerDropped, strconv.FormatInt(got.Dropped, 10))
	w.Header().Set(systemapi.TrailerEnd, got.End)
	if err != nil && r.Context().Err() == nil {
		w.Header().Set(systemapi.TrailerProblem, err.Error())
	}
	return nil
}
