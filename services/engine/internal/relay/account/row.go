package account

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/login"
)

// Realm is what passwords are hashed with: it must never change, as they cannot be hashed anew.
const Realm = "Vigie"

const (
	maxAccounts = 500
	maxReaders  = 1000
	maxCameras  = 1000
)

// Row is an account as it is stored.
type Row struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"` // the user name
	Secret     login.Secret `json:"secret"`
	AllCameras bool         `json:"allCameras"`
	Cameras    []string     `json:"cameras"` // ids; count unless AllCameras
	Live       bool         `json:"live"`
	Recordings bool         `json:"recordings"`
	MaxReaders int          `json:"maxReaders"`
	UntilMs    int64        `json:"untilMs"` // 0: never ends
	CreatedMs  int64        `json:"createdMs"`
}

// Valid tells whether the account has not ended.
func (r *Row) Valid(now time.Time) bool { return r.UntilMs == 0 || now.UnixMilli() < r.UntilMs }

// May tells whether the account may read of a camera: live pictures, or recordings.
func (r *Row) May(camera string, recordings bool, now time.Time) bool {
	kind := r.Live
	if recordings {
		kind = r.Recordings
	}
	return kind && r.Valid(now) && (r.AllCameras || slices.Contains(r.Cameras, camera))
}

// API is the row as the API shows it.
func (r *Row) API() api.RelayAccount {
	return api.RelayAccount{ID: r.ID, Name: r.Name, AllCameras: r.AllCameras, Cameras: append([]string{}, r.Cameras...), Live: r.Live,
		Recordings: r.Recordings, MaxReaders: r.MaxReaders, UntilMs: r.UntilMs, CreatedMs: r.CreatedMs}
}

// with returns the row changed as a request says. The error is an *answer.Problem.
func (r Row) with(q api.RelayAccountRequest, now time.Time) (Row, error) {
	switch {
	case !validName(q.Name):
		return r, answer.Field("name", "bad_name", "A user name has 1 to 32 small letters, digits, dots, dashes and underscores, and begins with a letter or digit.")
	case !q.Live && !q.Recordings:
		return r, answer.Field("live", "no_right", "Choose what the account may read: live pictures, recordings, or both.")
	case !q.AllCameras && len(q.Cameras) == 0:
		return r, answer.Field("cameras", "no_camera", "Choose the cameras that the account may read, or all.")
	case len(q.Cameras) > maxCameras:
		return r, answer.Field("cameras", "too_many", fmt.Sprintf("An account may name %d cameras; choose all instead.", maxCameras))
	case q.MaxReaders < 1 || q.MaxReaders > maxReaders:
		return r, answer.Field("maxReaders", "bad_limit", fmt.Sprintf("An account may read with 1 to %d connections at a time.", maxReaders))
	case q.UntilMs < 0 || q.UntilMs > 1<<52:
		return r, answer.Field("untilMs", "bad_time", "This is no instant at which an account could end.")
	case q.UntilMs > 0 && q.UntilMs <= now.UnixMilli() && q.UntilMs != r.UntilMs:
		return r, answer.Field("untilMs", "bad_time", "This instant has passed. Choose a later one, or delete the account.")
	}
	cameras := slices.Clone(q.Cameras)
	slices.Sort(cameras)
	r.Name, r.AllCameras, r.Cameras, r.Live, r.Recordings = q.Name, q.AllCameras, slices.Compact(cameras), q.Live, q.Recordings
	r.MaxReaders, r.UntilMs = q.MaxReaders, q.UntilMs
	return r, nil
}

func validName(s string) bool {
	if len(s) < 1 || len(s) > 32 || strings.IndexByte("._-", s[0]) >= 0 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
	})
}

// newPassword makes one of 100 random bits that can be read aloud.
func newPassword() string {
	var b [13]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:20]
}

func errNoAccount() error {
	return answer.Refuse(http.StatusNotFound, "no_account", "There is no such account; it may have been deleted.")
}
