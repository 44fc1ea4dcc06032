package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/internal/peer"
	"vigie/services/engine/engineapi"
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/camera"
	"vigie/services/engine/internal/relay/account"
)

// webUserID is the user that web runs as: the one to whom cameras' passwords are given, for a configuration that is taken away, and
// of whom they are taken. The number is a contract with the image.
const webUserID = 902

// errImported: other cameras have been put in the place of those that were there.
var errImported = errors.New("the configuration was replaced")

// settings is what the engine has of a recorder's configuration. Nothing of it is of this machine alone: neither keys nor
// certificates, nor what is known of recordings.
type settings struct {
	Cameras   []json.RawMessage `json:"cameras"`
	Calendars []calendar.Stored `json:"calendars"`
	Holidays  []api.Holiday     `json:"holidays"`
	Relay     account.Stored    `json:"relay"`
}

// transfer gives the settings away as a whole and takes them as a whole. What was taken counts from the engine's next start, which
// restart brings about at once.
type transfer struct {
	db      *mirror.DB
	book    *account.Book
	knows   func(volume string) bool
	restart func()
	mu      sync.Mutex // one at a time
}

// handler answers web's requests for the settings, and passes others on.
func (t *transfer) handler(next http.Handler) http.Handler {
	own := answer.Mux("engine", answer.Routes{"GET " + engineapi.SettingsPath: t.give, "PUT " + engineapi.SettingsPath: t.take})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != engineapi.SettingsPath {
			next.ServeHTTP(w, r)
			return
		}
		if user, known := peer.User(r.Context()); !known || user != webUserID && user != uint32(os.Geteuid()) {
			answer.Fail(w, answer.Refuse(http.StatusForbidden, "forbidden", "Only the web admin may ask this of the recorder."))
			return
		}
		own.ServeHTTP(w, r)
	})
}

func (t *transfer) give(w http.ResponseWriter, _ *http.Request) error {
	s, _, err := t.present()
	if err == nil {
		answer.JSON(w, http.StatusOK, s)
	}
	return err
}

// present returns the settings as they are, and the cameras among them.
func (t *transfer) present() (s settings, rows []camera.Row, err error) {
	s = settings{Cameras: []json.RawMessage{}, Relay: t.book.Stored()}
	err = t.db.View(func(tx *mirror.Tx) (err error) {
		if rows, err = camera.Rows(tx); err != nil {
			return err
		}
		s.Calendars, s.Holidays, err = calendar.Rows(tx)
		return err
	})
	for _, row := range rows {
		b, failed := json.Marshal(row)
		err = errors.Join(err, failed)
		s.Cameras = append(s.Cameras, b)
	}
	return s, rows, err
}

func (t *transfer) take(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Settings settings `json:"settings"`
		DryRun   bool     `json:"dryRun"`
	}
	if err := answer.ReadWithin(w, r, &req, engineapi.MaxSettings); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next, rows, out, err := t.checked(req.Settings)
	if err != nil {
		return err
	}
	was, old, err := t.present()
	if err != nil {
		return err
	}
	out.Changes = changes(was, next, old, rows)
	if len(out.Changes) > 0 && !req.DryRun {
		if err := t.db.Update(func(tx *mirror.Tx) error {
			return errors.Join(camera.Replace(tx, rows), calendar.Replace(tx, next.Calendars, next.Holidays), next.Relay.Replace(tx))
		}); err != nil {
			return err
		}
		defer t.restart() // once it is answered
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

// checked judges what was brought, and leaves out what this machine has not. The error is an *answer.Problem.
func (t *transfer) checked(s settings) (next settings, rows []camera.Row, out engineapi.Transfer, err error) {
	out = engineapi.Transfer{Changes: []string{}, LeftOut: []string{}}
	if rows, err = camera.DecodeRows(s.Cameras); err != nil {
		return next, nil, out, err
	}
	if next.Calendars, next.Holidays, err = calendar.Check(s.Calendars, s.Holidays); err != nil {
		return next, nil, out, err
	}
	if next.Relay, err = s.Relay.Check(); err != nil {
		return next, nil, out, err
	}
	known := func(id string) bool {
		return calendar.BuiltIn(id) || slices.ContainsFunc(next.Calendars, func(c calendar.Stored) bool { return c.ID == id })
	}
	var unpinned []string
	for i := range rows {
		if err := rows[i].Goes(known); err != nil {
			return next, nil, out, err
		}
		if v := rows[i].Plan.Volume; v != "" && !t.knows(v) {
			rows[i].Plan.Volume = ""
			unpinned = append(unpinned, rows[i].Name)
		}
	}
	if len(unpinned) > 0 {
		out.LeftOut = append(out.LeftOut, fmt.Sprintf("The volume that is chosen for %s is not in this machine: recordings go where there is room.", named("camera", "cameras", unpinned)))
	}
	return next, rows, out, nil
}

// changes says in sentences what becomes different.
func changes(was, next settings, old, rows []camera.Row) []string {
	out := []string{}
	before := map[string]camera.Row{}
	for _, row := range old {
		before[row.ID] = row
	}
	var added, changed, gone []string
	for _, row := range rows {
		had, ok := before[row.ID]
		delete(before, row.ID)
		switch {
		case !ok:
			added = append(added, row.Name)
		case had != row:
			changed = append(changed, row.Name)
		}
	}
	for _, row := range old {
		if _, ok := before[row.ID]; ok {
			gone = append(gone, row.Name)
		}
	}
	if len(added) > 0 {
		out = append(out, "Added: "+named("camera", "cameras", added)+".")
	}
	if len(changed) > 0 {
		out = append(out, "Set as in the file: "+named("camera", "cameras", changed)+".")
	}
	if len(gone) > 0 {
		out = append(out, "Removed, as the file does not have them: "+named("camera", "cameras", gone)+". Their recordings stay, as a former camera's.")
	}
	if !reflect.DeepEqual(was.Calendars, next.Calendars) {
		out = append(out, fmt.Sprintf("The calendars are those of the file: %d.", len(next.Calendars)))
	}
	if len(was.Holidays)+len(next.Holidays) > 0 && !reflect.DeepEqual(was.Holidays, next.Holidays) {
		out = append(out, fmt.Sprintf("The holidays are those of the file: %d.", len(next.Holidays)))
	}
	if was.Relay.Settings != next.Relay.Settings {
		out = append(out, "The relay is set as in the file.")
	}
	if !sameJSON(was.Relay.Accounts, next.Relay.Accounts) {
		out = append(out, fmt.Sprintf("The relay's accounts are those of the file: %d.", len(next.Relay.Accounts)))
	}
	if len(out) > 0 {
		out = append(out, "Recording stops for some seconds, and starts again with these settings.")
	}
	return out
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// named says how many there are, and which: the first ones.
func named(one, many string, names []string) string {
	const shown = 8
	if len(names) == 1 {
		return fmt.Sprintf("%s %q", one, names[0])
	}
	rest := ""
	if len(names) > shown {
		rest = fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return fmt.Sprintf("%d %s (%s%s)", len(names), many, strings.Join(names[:min(shown, len(names))], ", "), rest)
}

// startsAgain says whether work has ended to be begun anew.
func startsAgain(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errAdopted) || errors.Is(cause, errImported) {
		return cause
	}
	return nil
}
