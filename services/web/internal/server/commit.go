package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/system/systemapi"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/layouts"
)

const (
	importBucket = "import"
	importAgain  = 5 * time.Second // after what did not answer
)

func importKey() []byte { return []byte("note") }

// commit is the moment from which on a configuration is the recorder's.
func (s *Server) commit(in incoming, by string) error {
	store := s.accounts.Load()
	was, err := s.people()
	if err != nil {
		return err
	}
	text, err := json.Marshal(in.note)
	if err != nil {
		return err
	}
	err = store.Replace(by, in.people.Users, func(tx accounts.Tx) error {
		for _, u := range was.Users {
			if !strings.EqualFold(u.Username, by) {
				if err := layouts.Forget(tx, u.Username); err != nil {
					return err
				}
			}
		}
		for user, list := range in.people.Layouts {
			all := make([]layouts.Layout, 0, len(list))
			for _, l := range list {
				l.Layout.ID = l.ID
				all = append(all, l.Layout)
			}
			if err := layouts.Replace(tx, user, all); err != nil {
				return err
			}
		}
		return tx.Put(importBucket, importKey(), text)
	})
	if err != nil {
		return userProblem(err)
	}
	now, err := store.All()
	if err != nil {
		return err
	}
	for _, old := range was.Users {
		same := false
		for _, u := range now {
			same = same || alike(u, old)
		}
		if !same {
			s.Sessions.EndOf(old.Username)
		}
	}
	return nil
}

// carryOut has engine and system take their parts, and deletes the note of it. What they took already they say is the same. steady leaves out
// what would go on trial.
func (s *Server) carryOut(ctx context.Context, who http.Header, n note, steady bool) (plan api.Plan, err error) {
	var refused *ask.Error
	if _, err := s.EngineAPI.PutSettings(ctx, n.Engine, false); errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		s.Log.Error("cameras of an imported configuration", "err", err) // it took them when they were judged: another start will not help
	} else if err != nil {
		return plan, fmt.Errorf("cameras: %w", err)
	}
	done, err := s.SystemAPI.With(who).PutSettings(ctx, systemapi.Transfer{Config: n.System, Steady: steady})
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		s.Log.Error("machine's settings of an imported configuration", "err", err)
	} else if err != nil {
		return plan, fmt.Errorf("machine: %w", err)
	}
	return done.Plan, s.accounts.Load().Database().Update(func(tx accounts.Tx) error { return tx.Delete(importBucket, importKey()) })
}

// wakeImport has FinishImports look.
func (s *Server) wakeImport() {
	select {
	case s.unfinished <- struct{}{}:
	default:
	}
}

// FinishImports brings what was imported to its end, where the power was cut, or a service did not answer, until ctx ends.
func (s *Server) FinishImports(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.unfinished:
		}
		for {
			done, err := s.finishImport(ctx)
			if done {
				break
			}
			if err != nil && ctx.Err() == nil {
				s.Log.Warn("an imported configuration is not all in force yet", "err", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(importAgain):
			}
		}
	}
}

func (s *Server) finishImport(ctx context.Context) (done bool, err error) {
	s.transfer.Lock()
	defer s.transfer.Unlock()
	var text []byte
	if err := s.accounts.Load().Database().View(func(tx accounts.Tx) error {
		text = append(text, tx.Get(importBucket, importKey())...)
		return nil
	}); err != nil {
		return false, err
	}
	if len(text) == 0 {
		return true, nil
	}
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return false, err
	}
	if _, err := s.carryOut(ctx, http.Header{"Vigie-User": {n.By}}, n, true); err != nil {
		return false, err
	}
	s.Log.Warn("an imported configuration is all in force, but for its network", "by", n.By)
	return true, nil
}
