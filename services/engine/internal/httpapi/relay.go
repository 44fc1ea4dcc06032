package httpapi

import (
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// Relay is what serves the streams to other programs.
type Relay interface {
	Status() (api.Relay, error)
	Readers() []api.RelayReader
	Disconnect(id string) error
}

// RelayBook is its settings and accounts. Errors that are an *answer.Problem reach the client as they are.
type RelayBook interface {
	SetSettings(s api.RelaySettings) error
	Accounts() []api.RelayAccount
	Add(q api.RelayAccountRequest, now time.Time) (api.RelayAccountSecret, error)
	Change(id string, q api.RelayAccountRequest, now time.Time) (api.RelayAccount, error)
	Renew(id string) (api.RelayAccountSecret, error)
	Delete(id string) error
}

func (s *server) relayRoutes() answer.Routes {
	return answer.Routes{
		"GET /v1/relay":                              s.getRelay,
		"PUT /v1/relay":                              s.putRelay,
		"GET /v1/relay/accounts":                     s.listRelayAccounts,
		"POST /v1/relay/accounts":                    s.addRelayAccount,
		"PUT /v1/relay/accounts/{account}":           s.putRelayAccount,
		"DELETE /v1/relay/accounts/{account}":        s.deleteRelayAccount,
		"POST /v1/relay/accounts/{account}/password": s.renewRelayPassword,
		"GET /v1/relay/readers":                      s.listRelayReaders,
		"DELETE /v1/relay/readers/{reader}":          s.deleteRelayReader,
	}
}

func (s *server) getRelay(w http.ResponseWriter, _ *http.Request) error {
	r, err := s.Relay.Status()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, r)
	return nil
}

func (s *server) putRelay(w http.ResponseWriter, r *http.Request) error {
	var req api.RelaySettings
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if err := s.RelayBook.SetSettings(req); err != nil {
		return err
	}
	return s.getRelay(w, r)
}

func (s *server) listRelayAccounts(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.RelayBook.Accounts())
	return nil
}

func (s *server) addRelayAccount(w http.ResponseWriter, r *http.Request) error {
	var req api.RelayAccountRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	a, err := s.RelayBook.Add(req, time.Now())
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, a)
	return nil
}

func (s *server) putRelayAccount(w http.ResponseWriter, r *http.Request) error {
	var req api.RelayAccountRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	a, err := s.RelayBook.Change(r.PathValue("account"), req, time.Now())
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, a)
	return nil
}

func (s *server) deleteRelayAccount(w http.ResponseWriter, r *http.Request) error {
	if err := s.RelayBook.Delete(r.PathValue("account")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) renewRelayPassword(w http.ResponseWriter, r *http.Request) error {
	a, err := s.RelayBook.Renew(r.PathValue("account"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, a)
	return nil
}

func (s *server) listRelayReaders(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, s.Relay.Readers())
	return nil
}

func (s *server) deleteRelayReader(w http.ResponseWriter, r *http.Request) error {
	if err := s.Relay.Disconnect(r.PathValue("reader")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
