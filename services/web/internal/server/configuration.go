package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/strictjson"
	"vigie/internal/sysconfig"
	"vigie/internal/version"
	"vigie/services/engine/engineapi"
	"vigie/services/system/systemapi"
	"vigie/services/web/internal/configfile"
	"vigie/services/web/internal/gateway"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/sessions"
)

// A configuration is taken away as one file, and brought again, here or on another machine: package configfile has the file, engine and system
// judge and take their parts, the accounts are here.
//
// What is brought is in force altogether or not at all, whenever the power is cut. All parts judge first. Then the accounts change, and with
// them, in the same transaction, what the others are to take is noted: that is the moment. They take it, as often as it needs,
// and the note is deleted; after a cut the next start goes on. What of the network goes on trial is not noted: a trial is over when the
// machine restarts.

// exportConfiguration answers with the file.
func (s *Server) exportConfiguration(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	var req api.ConfigurationExportRequest
	if err := answer.Read(w, r, &req); err != nil {
		return err
	}
	if err := checkPassphrase(req.Passphrase); err != nil {
		return err
	}
	s.transfer.Lock()
	defer s.transfer.Unlock()
	d := configfile.Document{Head: configfile.Head{Software: version.Version, Machine: s.Hostname(), MadeMs: time.Now().UnixMilli()}}
	system, err := s.SystemAPI.Settings(r.Context())
	if err != nil {
		return asked("The machine's settings", err)
	}
	if d.Engine, err = s.EngineAPI.Settings(r.Context()); err != nil {
		return asked("The cameras", err)
	}
	if d.System, err = json.Marshal(system); err != nil {
		return err
	}
	people, err := s.people()
	if err != nil {
		return err
	}
	if d.Accounts, err = json.Marshal(people); err != nil {
		return err
	}
	file, err := configfile.Seal(d, req.Passphrase)
	if err != nil {
		return err
	}
	s.Log.Info("configuration exported", "by", session.Username, "from", client(r), "bytes", len(file))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.vigie"`, d.Head.Machine, time.UnixMilli(d.Head.MadeMs).UTC().Format("2006-01-02")))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(file) // the client may be gone
	return nil
}

// importConfiguration says what a file would change; with that answer's confirm it changes it.
func (s *Server) importConfiguration(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	var req api.ConfigurationImportRequest
	if err := answer.ReadWithin(w, r, &req, maxBody); err != nil {
		return err
	}
	s.transfer.Lock()
	defer s.transfer.Unlock()
	d, err := configfile.Open(req.File, req.Passphrase)
	if err != nil {
		return fileProblem(err)
	}
	in, err := s.judge(r.Context(), d, session.Username)
	if err != nil {
		return err
	}
	out := in.answer(req.File)
	switch {
	case req.Confirm == "":
		answer.JSON(w, http.StatusOK, out)
		return nil
	case req.Confirm != out.Confirm:
		return answer.Refuse(http.StatusConflict, "changed", "Something was changed on the machine since you looked at what the file would do. Look again. Nothing was changed.")
	}
	if err := s.commit(in, session.Username); err != nil {
		return err
	}
	s.Log.Warn("configuration imported", "by", session.Username, "from", client(r), "of", d.Head.Machine, "made", time.UnixMilli(d.Head.MadeMs).UTC().Format(time.RFC3339))
	// It is decided: who asked may go.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerImport)
	defer cancel()
	plan, err := s.carryOut(ctx, gateway.Headers(r.Context(), rights.Who{Name: session.Username, Profile: rights.Administrator}), in.note, false)
	if err != nil {
		s.Log.Error("configuration is not all in force yet; going on", "err", err)
		s.wakeImport()
		return later(http.StatusServiceUnavailable, "going_on", "The file is accepted, and part of it is in force. The rest follows by itself within a minute: a service of the machine does not answer at the moment.", 10*time.Second)
	}
	out.Applied, out.Plan = true, plan
	answer.JSON(w, http.StatusOK, out)
	return nil
}

// answerImport is how long the parts may take to be in force.
const answerImport = 30 * time.Second

// incoming is a configuration that all have judged.
type incoming struct {
	head    configfile.Head
	note    note
	people  people
	changes []string
	leftOut []string
	plan    api.Plan
}

// judge has all parts looked at.
func (s *Server) judge(ctx context.Context, d configfile.Document, by string) (in incoming, err error) {
	in = incoming{head: d.Head, note: note{Engine: d.Engine, By: by, AtMs: time.Now().UnixMilli()}}
	if err := strictjson.Decode(d.System, &in.note.System); err != nil {
		return in, unknownIn(d.Head, err)
	}
	if err := strictjson.Decode(d.Accounts, &in.people); err != nil {
		return in, unknownIn(d.Head, err)
	}
	if err := in.people.check(); err != nil {
		return in, err
	}
	var cameras engineapi.Transfer
	if cameras, err = s.EngineAPI.PutSettings(ctx, d.Engine, true); err != nil {
		return in, asked("The cameras of the file", err)
	}
	machine, err := s.systemAs(ctx, by).PutSettings(ctx, systemapi.Transfer{Config: in.note.System, DryRun: true})
	if err != nil {
		return in, asked("The machine's settings of the file", err)
	}
	users, stays, err := s.peopleChange(in.people, by)
	if err != nil {
		return in, err
	}
	in.changes = append(append(append([]string{}, cameras.Changes...), users...), machine.Changes...)
	in.leftOut = append(append(append([]string{}, cameras.LeftOut...), stays...), machine.LeftOut...)
	in.plan = machine.Plan
	return in, nil
}

func (s *Server) systemAs(ctx context.Context, by string) *systemapi.Client {
	return s.SystemAPI.With(gateway.Headers(ctx, rights.Who{Name: by, Profile: rights.Administrator}))
}

// answer says what a file does; its confirm stands for all of that.
func (in incoming) answer(file []byte) api.ConfigurationImport {
	out := api.ConfigurationImport{
		Machine: in.head.Machine, Software: in.head.Software, MadeMs: in.head.MadeMs, Changes: in.changes, LeftOut: in.leftOut, Plan: in.plan,
	}
	b, _ := json.Marshal(out) // of plain data: cannot fail
	sum := sha256.Sum256(append(b, file...))
	out.Confirm = hex.EncodeToString(sum[:16])
	return out
}

func checkPassphrase(p string) error {
	switch n := utf8.RuneCountInString(p); {
	case !utf8.ValidString(p) || len(p) > configfile.MaxPassphrase:
		return answer.Field("passphrase", "bad_passphrase", fmt.Sprintf("A passphrase has at most %d characters.", configfile.MaxPassphrase))
	case n < configfile.MinPassphrase:
		return answer.Field("passphrase", "bad_passphrase", fmt.Sprintf("The passphrase is too short: who has the file can try as many as he likes. Choose one of at least %d characters, for example four unrelated words.", configfile.MinPassphrase))
	}
	if why := password.Check("", p); why != "" {
		return answer.Field("passphrase", "bad_passphrase", "As a passphrase this is guessed too soon. Choose another one, for example four unrelated words.")
	}
	return nil
}

// fileProblem words why a file is not opened.
func fileProblem(err error) error {
	var newer *configfile.NewerError
	switch {
	case errors.As(err, &newer):
		return answer.Field("file", "newer", fmt.Sprintf("The file was made by Vigie %s, and this recorder's version cannot read it. Update this recorder first. Nothing was changed.", newer.Head.Software))
	case errors.Is(err, configfile.ErrForeign):
		return answer.Field("file", "no_configuration", "This is no configuration file of Vigie. Choose one that was exported here; its name ends in .vigie.")
	case errors.Is(err, configfile.ErrPassphrase):
		return answer.Field("passphrase", "wrong_passphrase", "This is not the passphrase that the file was made with. Nothing was changed.")
	case errors.Is(err, configfile.ErrDamaged):
		return answer.Field("file", "damaged", "The file is damaged: part of it is missing, or was changed. Take another copy of it, or export it anew. Nothing was changed.")
	}
	return err
}

// unknownIn words what this version cannot read of a file that it opened.
func unknownIn(h configfile.Head, err error) error {
	return answer.Field("file", "newer", fmt.Sprintf("The file, made by Vigie %s, says something that this recorder's version (%s) does not know (%s). Update this recorder first. Nothing was changed.", h.Software, version.Version, err))
}

// asked words what a service said.
func asked(what string, err error) error {
	var refused *ask.Error
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return answer.Refuse(http.StatusConflict, "refused", refused.Detail.Message)
	}
	p := later(http.StatusServiceUnavailable, "no_answer", what+" cannot be asked about at the moment: the service does not answer. Try again in a few seconds. Nothing was changed.", 5*time.Second)
	return errors.Join(p, err)
}

// note is what engine and system are to take, as it stands in the database until they have.
type note struct {
	Engine json.RawMessage  `json:"engine"`
	System sysconfig.Config `json:"system"`
	By     string           `json:"by"`
	AtMs   int64            `json:"atMs"`
}
