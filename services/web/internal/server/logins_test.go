package server

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigie/internal/api"
	"vigie/services/web/internal/accounts"
	"vigie/services/web/internal/rights"
)

// TestEveryWayInIsInTheList: what a stranger types is not, unless it is a user's name.
func TestEveryWayInIsInTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if status, e := b.post("192.0.2.1", "/setup", fmt.Sprintf(`{"code":"AAAA-AAAA","username":"owner","password":%q}`, secret)); status != 403 {
			t.Fatal(status, e)
		}
		if status, e := b.post("192.0.2.1", "/setup", fmt.Sprintf(`{"code":%q,"username":"owner","password":%q}`, b.code, secret)); status != 200 {
			t.Fatal(status, e)
		}
		b.login("192.0.2.2", "OWNER", secret)
		b.login("192.0.2.2", "owner", "hunter22hunter22")
		b.login("192.0.2.3", "hunter22hunter22", secret)
		b.lockOut("192.0.2.4", "owner")
		viewer, err := b.hasher.Hash(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.Add(accounts.User{Username: "jane", Hash: viewer, Profile: rights.Viewer}, time.Now()); err != nil {
			t.Fatal(err)
		}
		ssh := netip.MustParseAddr("192.0.2.5")
		for _, name := range []string{"owner", "jane", "nobody"} {
			if _, _, err := b.s.Verify(t.Context(), name, secret, ssh); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range []struct{ result, user string }{{"ok", "Owner"}, {"refused", "root"}, {"limited", ""}} {
			if err := b.s.NoteByKey(n.result, n.user, "SHA256:x", ssh); err != nil {
				t.Error(err)
			}
		}
		if b.s.NoteByKey("reset", "owner", "", ssh) == nil {
			t.Error("a result that SSH has not is taken")
		}
		if _, err := b.s.BeginReset(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := b.s.listLogins(w, nil, nil); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(w.Body.String(), "hunter22") {
			t.Errorf("a password is in the list: %s", w.Body)
		}
		var list []api.Login
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", l.Way, l.Method, l.Result, l.User, l.Address))
		}
		for _, want := range []string{
			"web code refused  192.0.2.1", "web code ok owner 192.0.2.1", "web password ok owner 192.0.2.2", "web password refused owner 192.0.2.2",
			"web password refused  192.0.2.3", "web password refused owner 192.0.2.4", "web password limited owner 192.0.2.4",
			"ssh password ok owner 192.0.2.5", "ssh password refused jane 192.0.2.5", "ssh password refused  192.0.2.5",
			"ssh key ok owner 192.0.2.5", "ssh key refused  192.0.2.5", "ssh key limited  192.0.2.5", "console person reset owner ",
		} {
			if i := slices.Index(got, want); i < 0 {
				t.Errorf("no %q", want)
			} else {
				got = slices.Delete(got, i, i+1)
			}
		}
		if len(got) > 0 {
			t.Errorf("besides: %q", got)
		}
	})
}
