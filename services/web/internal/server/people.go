package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/layouts"
	"vigie/services/web/internal/password"
	"vigie/services/web/internal/rights"
)

// maxPeople is how many users a file may have.
const maxPeople = 1000

// people is what a configuration file has of the accounts: users, with the hashes of their passwords, and how they arranged live pictures.
type people struct {
	Users   []accounts.User           `json:"users"`
	Layouts map[string][]storedLayout `json:"layouts"` // by lower-case user name
}

// storedLayout is a layout with its id.
type storedLayout struct {
	ID     string         `json:"id"`
	Layout layouts.Layout `json:"layout"`
}

// people returns the accounts as they are.
func (s *Server) people() (p people, err error) {
	store := s.accounts.Load()
	if p.Users, err = store.All(); err != nil {
		return p, err
	}
	p.Layouts = map[string][]storedLayout{}
	err = store.Database().View(func(tx accounts.Tx) error {
		for _, u := range p.Users {
			list, err := layouts.Of(tx, u.Username)
			if err != nil {
				return err
			}
			for _, l := range list {
				key := strings.ToLower(u.Username)
				p.Layouts[key] = append(p.Layouts[key], storedLayout{l.ID, l})
			}
		}
		return nil
	})
	return p, err
}

// check judges what came from outside. The error is an *answer.Problem.
func (p people) check() error {
	wrong := func(format string, args ...any) error {
		return answer.Refuse(http.StatusBadRequest, "bad_users", fmt.Sprintf(format, args...)+" Nothing was changed.")
	}
	if len(p.Users) > maxPeople {
		return wrong("The file has %d users; %d can be had.", len(p.Users), maxPeople)
	}
	known := map[string]bool{}
	for i, u := range p.Users {
		name := strings.ToLower(u.Username)
		switch {
		case accounts.CheckUsername(u.Username) != "":
			return wrong("User %d of the file has a name that is none: %q.", i+1, u.Username)
		case known[name]:
			return wrong("User %q is twice in the file.", u.Username)
		case !u.Profile.Valid():
			return wrong("User %q of the file has a profile that this version does not know: %q.", u.Username, u.Profile)
		case !password.Valid(u.Hash):
			return wrong("The password's hash of user %q in the file is none.", u.Username)
		case u.Cameras.Limited && u.Profile == rights.Administrator:
			return wrong("User %q of the file is an administrator and sees some cameras only.", u.Username)
		}
		if u.Cameras.Limited {
			if _, why := rights.Limit(u.Cameras.Only); why != "" {
				return wrong("The cameras of user %q in the file: %s", u.Username, why)
			}
		}
		known[name] = true
	}
	for user, list := range p.Layouts {
		if !known[user] || len(list) > layouts.MaxLayouts {
			return wrong("The file has %d layouts of user %q.", len(list), user)
		}
		for i, l := range list {
			if err := l.Layout.Check(); err != nil || !layouts.ValidID(l.ID) || slices.ContainsFunc(list[:i], func(o storedLayout) bool { return o.ID == l.ID || strings.EqualFold(o.Layout.Name, l.Layout.Name) }) {
				return wrong("Layout %q of user %q in the file is none.", l.Layout.Name, user)
			}
		}
	}
	return nil
}

// peopleChange says in sentences what becomes of the users, and what does not: whoever asks stays as he is, so that nobody locks himself out.
func (s *Server) peopleChange(next people, by string) (changes, stays []string, err error) {
	was, err := s.people()
	if err != nil {
		return nil, nil, err
	}
	var added, changed, gone []string
	for _, u := range next.Users {
		old := slices.IndexFunc(was.Users, func(o accounts.User) bool { return strings.EqualFold(o.Username, u.Username) })
		switch {
		case strings.EqualFold(u.Username, by):
			if old >= 0 && !alike(was.Users[old], u) {
				stays = append(stays, fmt.Sprintf("Your own account, %s, stays as it is, with the password that it has here.", by))
			}
		case old < 0:
			added = append(added, u.Username)
		case !alike(was.Users[old], u):
			changed = append(changed, u.Username)
		}
	}
	for _, u := range was.Users {
		in := slices.ContainsFunc(next.Users, func(o accounts.User) bool { return strings.EqualFold(o.Username, u.Username) })
		switch {
		case in:
		case strings.EqualFold(u.Username, by):
			stays = append(stays, fmt.Sprintf("Your own account, %s, which the file does not have, stays.", by))
		default:
			gone = append(gone, u.Username)
		}
	}
	for _, c := range []struct {
		what  string
		names []string
	}{{"Users added: %s.", added}, {"Users set as in the file, with their passwords then: %s.", changed}, {"Users removed, as the file does not have them: %s.", gone}} {
		if len(c.names) > 0 {
			changes = append(changes, fmt.Sprintf(c.what, some(c.names)))
		}
	}
	if len(was.Layouts)+len(next.Layouts) > 0 && !alike(was.Layouts, next.Layouts) {
		changes = append(changes, "The users' layouts of live pictures are those of the file.")
	}
	return changes, stays, nil
}

// some names the first of many.
func some(names []string) string {
	const shown = 12
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// alike says whether both are stored as the same.
func alike(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
