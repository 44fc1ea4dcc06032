// Package camera is the cameras that this recorder has: their settings, kept as rows in the engine's database, and the
// streams that run now, each a chain of ingest, ring and recorders.
//
// Invariants:
//   - Store is the only writer of the rows, Set the only one that starts and stops chains; Set follows Store.
//   - The main stream of an enabled camera is always connected to, so that its state is known and live pictures and
//     alarms begin at once. The second stream is while anything of it is or may be recorded (its plan has it in a
//     calendar other than never, or a person wants it now), or it is watched, and a little longer.
//   - Each stream is recorded by its standard and by its alarm recorder, which know nothing of each other. What is to be
//     recorded at an instant is told by type when.
//   - What rings keep from before alarms is bounded for all of them together, see share.
//   - A change of settings restarts what it touches and nothing else: a new name stops no recording, and one camera's
//     fault is never felt by another.
//   - A password leaves the row only towards the camera: never in an answer, a log line or a file name.
//
// It must not know HTTP: package httpapi translates.
package camera

import (
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/rowid"
)

// The names of a camera's streams.
const (
	MainStream = "main"
	SubStream  = "sub"
)

// Row is a camera as configured. It is comparable: an equal row means nothing to do.
type Row struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	Username  string `json:"username,omitempty"`
	Password  string `json:"password,omitempty"`
	Enabled   bool   `json:"enabled"`
	CreatedMs int64  `json:"createdMs"` // UTC, since the Unix epoch

	SubURL    string        `json:"subUrl,omitempty"` // of the second stream; empty: there is none
	Transport api.Transport `json:"transport"`
	// Certificate is the key that the camera's host is known by (see ingest.ValidKey); empty: none was seen.
	Certificate string    `json:"certificate,omitempty"`
	Audio       bool      `json:"audio"`
	Plan        Plan      `json:"plan"`
	Retention   Retention `json:"retention"`
}

// blank is a row of which nothing has been said yet; rows of earlier versions are read over it.
func blank() Row { return Row{Transport: api.TransportAuto, Audio: true, Plan: defaultPlan()} }

// New makes a row with a fresh id from a request. The error is an *answer.Problem.
func New(r api.CameraRequest, now time.Time) (Row, error) {
	row := blank()
	row.ID, row.CreatedMs = rowid.New(), now.UnixMilli()
	return row.With(r)
}

// With returns the row changed as the request says. An absent password keeps the old one, unless the address goes to
// another host or the user is another: a password is never sent where it was not meant for. User and password inside
// the URL count when their own fields are absent. The error is an *answer.Problem.
func (row Row) With(r api.CameraRequest) (Row, error) {
	name, err := answer.Name("the camera", r.Name)
	if err != nil {
		return Row{}, err
	}
	a, err := row.Address(r.URL, r.Username, r.Password)
	if err != nil {
		return Row{}, err
	}
	switch {
	case r.Certificate != nil && *r.Certificate != "" && !ingest.ValidKey(*r.Certificate):
		return Row{}, answer.Field("certificate", "bad_certificate", "This is not the key of a certificate: 64 digits and letters from a to f.")
	case r.Certificate != nil:
		row.Certificate = *r.Certificate
	case hostname(a.URL) != hostname(row.URL):
		row.Certificate = ""
	}
	row.Name, row.URL, row.Username, row.Password, row.Enabled = name, a.URL, a.Username, a.Password, r.Enabled
	if r.SubURL != nil {
		if row.SubURL = ""; *r.SubURL != "" {
			sub, err := ingest.ParseURL(*r.SubURL)
			if err != nil {
				return Row{}, urlProblem("subUrl", err)
			}
			row.SubURL = sub.URL
		}
	}
	switch {
	case r.Transport == "":
	case !r.Transport.Valid():
		return Row{}, answer.Field("transport", "bad_transport", "This transport is not known.")
	default:
		row.Transport = r.Transport
	}
	if r.Audio != nil {
		row.Audio = *r.Audio
	}
	if r.Recording != nil {
		if row.Plan, err = planOf(*r.Recording); err != nil {
			return Row{}, err
		}
	}
	if r.Retention != nil {
		if row.Retention, err = retentionOf(*r.Retention); err != nil {
			return Row{}, err
		}
	}
	if row.SubURL == "" && (row.Plan.Standard.Sub || row.Plan.Alarm.Sub) {
		return Row{}, answer.Field("subUrl", "no_sub_stream", "The second stream is to be recorded, but has no address.")
	}
	return row, nil
}

// api is the row as the API shows it, without its state.
func (row Row) api() api.Camera {
	return api.Camera{ID: row.ID, Name: row.Name, URL: row.URL, Username: row.Username, Enabled: row.Enabled,
		HasPassword: row.Password != "", CreatedMs: row.CreatedMs, SubURL: row.SubURL, HasSub: row.SubURL != "", Transport: row.Transport,
		Certificate: row.Certificate, Audio: row.Audio, Recording: row.Plan.api(), Retention: row.Retention.api()}
}

// urlProblem says what is wrong with an address in a field of a request.
func urlProblem(field string, err error) error {
	var f *ingest.Fault
	if errors.As(err, &f) {
		return answer.Field(field, f.Code, f.Reason)
	}
	return answer.Field(field, "bad_url", err.Error())
}

// Address returns where and with which credentials a request wants to reach the camera; the rules are those of With.
func (row Row) Address(rawURL, username string, password *string) (ingest.Address, error) {
	a, err := ingest.ParseURL(rawURL)
	if err != nil {
		return a, urlProblem("url", err)
	}
	if username != "" {
		if a.Username != username {
			a.Password = ""
		}
		a.Username = username
	}
	switch {
	case password != nil:
		a.Password = *password
	case a.Password == "" && a.Username == row.Username && sameHost(a.URL, row.URL):
		a.Password = row.Password
	}
	for _, s := range []string{a.Username, a.Password} {
		if len(s) > 128 || strings.ContainsFunc(s, unicode.IsControl) {
			return a, answer.Field("password", "bad_credentials", "User name and password may have 128 characters each, and none that cannot be typed.")
		}
	}
	if a.Username == "" && a.Password != "" {
		return a, answer.Field("username", "bad_credentials", "A password needs a user name.")
	}
	return a, nil
}

// certificateOf is the key that the host of an address is known by.
func (row Row) certificateOf(rawURL string) string {
	if hostname(rawURL) != hostname(row.URL) {
		return ""
	}
	return row.Certificate
}

// trust returns the row with the key that the host of an address is known by from now on. A host other than the main
// stream's is trusted anew whenever the engine starts.
func (row Row) trust(rawURL, key string) Row {
	if hostname(rawURL) == hostname(row.URL) {
		row.Certificate = key
	}
	return row
}

func hostname(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func sameHost(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Host == y.Host
}
