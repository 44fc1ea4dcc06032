// Package callers knows what each user at the other end of the API's socket may ask.
//
// Every service may open the socket, because every service needs the machine's state. Nothing else is for all of them:
// the engine parses what cameras send, and whoever takes it over that way must not format disks, switch the machine off,
// or read the set-up code in another service's log. A request whose peer is not known is nobody's.
package callers

import (
	"net/http"
	"path"
	"slices"

	"vigie/internal/answer"
	"vigie/internal/peer"
)

// Right lets a user ask for something besides the state.
type Right struct {
	User   uint32
	Method string
	Path   string // a pattern of path.Match
}

// userHeader says for which person a service asks.
const userHeader = "Vigie-User"

// Limit lets the users given as trusted ask anything of next, others what their rights say, and all of them for the
// machine's state. Only who is trusted says for whom it asks; the others are called by their own names.
func Limit(next http.Handler, rights []Right, names map[uint32]string, trusted ...uint32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, known := peer.User(r.Context())
		state := r.Method == http.MethodGet && r.URL.Path == "/v1/status"
		right := slices.ContainsFunc(rights, func(o Right) bool {
			fits, _ := path.Match(o.Path, r.URL.Path)
			return fits && o.User == user && o.Method == r.Method
		})
		trust := known && slices.Contains(trusted, user)
		if !trust {
			r.Header.Set(userHeader, names[user])
		}
		if trust || known && (state || right) {
			next.ServeHTTP(w, r)
			return
		}
		answer.Fail(w, answer.Refuse(http.StatusForbidden, "forbidden", "Only the web admin may ask this of the machine."))
	})
}

// Reserve lets nobody but the given users ask for the path, whatever else others may ask for.
func Reserve(next http.Handler, path string, users ...uint32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, known := peer.User(r.Context())
		if r.URL.Path == path && (!known || !slices.Contains(users, user)) {
			answer.Fail(w, answer.Refuse(http.StatusForbidden, "forbidden", "Only one service of the machine may ask this."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
