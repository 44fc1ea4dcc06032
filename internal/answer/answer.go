// Package answer is how every service of Vigie speaks JSON over HTTP: it reads a request's body strictly and writes
// results and errors in the shapes of internal/api, so that a client meets one behaviour everywhere.
package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"vigie/internal/api"
)

// MaxBody bounds a request's JSON body, in bytes.
const MaxBody = 64 << 10

// Problem is an error with the answer it deserves. Handlers return it; Fail writes it.
type Problem struct {
	Status int // HTTP
	Detail api.Error
}

func (p *Problem) Error() string { return p.Detail.Message }

// Refuse makes a Problem: code is for programs, message a sentence for people.
func Refuse(status int, code, message string) *Problem {
	return &Problem{Status: status, Detail: api.Error{Code: code, Message: message}}
}

// Field makes a 400 Problem about one field of the request.
func Field(field, code, message string) *Problem {
	p := Refuse(http.StatusBadRequest, code, message)
	p.Detail.Field = field
	return p
}

// JSON writes v with the given status. Nothing of it may be cached.
func JSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // only a programming error gets here
		Fail(w, fmt.Errorf("encode answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone; nobody is left to tell
}

// Fail writes err: a Problem as itself, anything else as an internal error.
func Fail(w http.ResponseWriter, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		p = Refuse(http.StatusInternalServerError, "internal", "Something went wrong inside the appliance: "+err.Error())
	}
	JSON(w, p.Status, p.Detail)
}

// Read decodes the body of r into v. Unknown fields, trailing data and bodies over MaxBody are refused.
func Read(w http.ResponseWriter, r *http.Request, v any) error { return ReadWithin(w, r, v, MaxBody) }

// ReadWithin is Read with another bound than MaxBody.
func ReadWithin(w http.ResponseWriter, r *http.Request, v any, maxBytes int64) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBytes))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = errors.New("more than one JSON value")
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return Refuse(http.StatusRequestEntityTooLarge, "too_large", "The request is too large.")
	}
	return Refuse(http.StatusBadRequest, "bad_json", "The request is not what was expected: "+strings.TrimPrefix(err.Error(), "json: ")+".")
}
