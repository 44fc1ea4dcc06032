package account

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/rowid"
)

// Stored is what a configuration has of the relay that is taken away: settings and accounts with the hashes of their passwords. The
// certificate is the machine's own and is not in it.
type Stored struct {
	Settings api.RelaySettings `json:"settings"`
	Accounts []Row             `json:"accounts"`
}

// Stored returns what there is, in order of name.
func (b *Book) Stored() Stored {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := Stored{b.settings, []Row{}}
	for _, r := range b.rows {
		out.Accounts = append(out.Accounts, *r)
	}
	slices.SortFunc(out.Accounts, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Check returns what came from outside as it is stored. The error is an *answer.Problem.
func (s Stored) Check() (Stored, error) {
	var problem *answer.Problem
	if err := checkSettings(s.Settings); errors.As(err, &problem) {
		return s, answer.Refuse(http.StatusBadRequest, "bad_relay", "The relay's settings in the file: "+problem.Detail.Message)
	} else if err != nil {
		return s, err
	}
	if len(s.Accounts) > maxAccounts {
		return s, answer.Refuse(http.StatusBadRequest, "too_many", fmt.Sprintf("The file has %d accounts of the relay; %d can be had.", len(s.Accounts), maxAccounts))
	}
	out := Stored{s.Settings, []Row{}}
	for i, r := range s.Accounts {
		wrong := func(why string) error {
			return answer.Refuse(http.StatusBadRequest, "bad_account", fmt.Sprintf("Account %d of the relay in the file (%q): %s", i+1, r.Name, why))
		}
		row, err := r.with(api.RelayAccountRequest{Name: r.Name, AllCameras: r.AllCameras, Cameras: r.Cameras, Live: r.Live,
			Recordings: r.Recordings, MaxReaders: r.MaxReaders, UntilMs: r.UntilMs}, time.UnixMilli(0))
		switch {
		case errors.As(err, &problem):
			return s, wrong(problem.Detail.Message)
		case err != nil:
			return s, err
		case !strings.HasPrefix(r.ID, "r") || !rowid.Valid(r.ID[1:]):
			return s, wrong("its id is none.")
		case !isHash(r.Secret.MD5, 16) || !isHash(r.Secret.SHA256, 32):
			return s, wrong("its password's hash is none.")
		case slices.ContainsFunc(out.Accounts, func(o Row) bool { return o.ID == r.ID || o.Name == r.Name }):
			return s, wrong("it is there twice.")
		}
		out.Accounts = append(out.Accounts, row)
	}
	return out, nil
}

func isHash(s string, bytes int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == bytes
}

// Replace puts what was checked in the place of all that there is, but the certificate.
func (s Stored) Replace(tx *mirror.Tx) error {
	if err := tx.Clear(bucketAccounts); err != nil {
		return err
	}
	for _, r := range s.Accounts {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := tx.Put(bucketAccounts, []byte(r.ID), b); err != nil {
			return err
		}
	}
	b, err := json.Marshal(s.Settings)
	if err != nil {
		return err
	}
	return tx.Put(bucketRelay, []byte(keySettings), b)
}
