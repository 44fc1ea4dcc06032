package volume

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPrepareTakesOnlyItsOwn(t *testing.T) {
	fresh := Identity{ID: id, Name: "new"}
	const other = "00000000-9d3e-4c8b-8a47-0123456789ab"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Identity
		err   string
	}{
		{"empty", nil, fresh, ""},
		{"format cut short", map[string]string{"vigie/.volume.json.tmp-1": "{"}, fresh, ""},
		{"ours", map[string]string{"vigie/volume.json": `{"id":"` + id + `","name":"Gate","createdMs":7}`}, Identity{ID: id, Name: "Gate", CreatedMs: 7}, ""},
		{"used by a machine, in the place of another", map[string]string{"vigie/volume.json": `{"id":"` + id + `","name":"Gate","replaces":"` + other + `","machine":"vigie-1"}`}, Identity{ID: id, Name: "Gate", Replaces: other, Machine: "vigie-1"}, ""},
		{"used by what is none", map[string]string{"vigie/volume.json": `{"id":"` + id + `","name":"Gate","replaces":"../x","machine":"a\u001b[2J"}`}, Identity{ID: id, Name: "Gate"}, ""},
		{"name unusable", map[string]string{"vigie/volume.json": `{"id":"` + id + `","name":"a\u001b[2J"}`}, Identity{ID: id, Name: "Data 6F1C"}, ""},
		{"files but no identity", map[string]string{"holiday.jpg": ""}, Identity{}, "has files"},
		{"recordings but no identity", map[string]string{"vigie/rec/x/y": ""}, Identity{}, "has files"},
		{"another's identity", map[string]string{"vigie/volume.json": `{"id":"` + other + `","name":"x"}`}, Identity{}, other},
		{"path as id", map[string]string{"vigie/volume.json": `{"id":"../../../../etc/aaaaaaaaaaaaaaaaaaaaaaa","name":"x"}`}, Identity{}, "has the id"},
		{"torn", map[string]string{"vigie/volume.json": `{"id":`}, Identity{}, "volume.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				put(t, dir, name, text)
			}
			got, err := Prepare(dir, id, fresh, false)
			if c.err == "" {
				if err != nil || got != c.want {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "vigie/index")); err == nil {
				t.Error("a foreign file system was written to")
			}
		})
	}
}

func TestPrepareFollowsNoLinkOffTheVolume(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put(t, dir, "vigie/volume.json", `{"id":"`+id+`","name":"x"}`)
	if err := os.Symlink(outside, filepath.Join(dir, "vigie/rec")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o711); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(dir, id, Identity{}, true); err == nil {
		t.Error("a link was taken for a folder")
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAPlainFolderKeepsTheIdentityItHas(t *testing.T) {
	dir := t.TempDir()
	first, err := Prepare(dir, "", Identity{ID: id, Name: "demo"}, false)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Prepare(dir, "", Identity{ID: "11111111-9d3e-4c8b-8a47-0123456789ab", Name: "x"}, false)
	if err != nil || again != first {
		t.Errorf("got %+v, %v", again, err)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "Gate 1": true, "Entrée": true, strings.Repeat("é", 32): true, strings.Repeat("é", 33): false,
		" a": false, "a\n": false, "a\x1bb": false, "\xff": false,
	} {
		if got := CheckName(name); (got == "") != ok {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add([]byte(`{"id":"` + id + `","name":"Gate","createdMs":7}`))
	f.Add([]byte(`{"id":"../x"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		who, err := ParseIdentity(b)
		if err != nil {
			return
		}
		if len(who.ID) != 36 || strings.ContainsAny(who.ID, "/.") || who.Name == "" || CheckName(who.Name) != "" {
			t.Errorf("took %+v", who)
		}
	})
}

func TestAVolumeIsProtectedAndClaimed(t *testing.T) {
	node := loop(t, 320*mib)
	if err := Format(t.Context(), node, 0, id, false, func(string) {}); err != nil {
		t.Fatal(err)
	}
	path := mounted(t, node)
	if who, err := Who(path); err != nil || who != (Identity{}) {
		t.Errorf("of an empty one: %+v, %v", who, err)
	}
	if _, err := Prepare(path, id, Identity{ID: id, Name: "Gate"}, false); err != nil {
		t.Fatal(err)
	}
	if err := Protect(path); err != nil {
		t.Fatal(err)
	}
	if use, err := Check(path); err != nil || !use.ReadOnly {
		t.Errorf("%+v, %v", use, err)
	}
	if _, err := Claim(path, "vigie-1"); err == nil {
		t.Error("written to though it is protected")
	}
	if err := Unprotect(path); err != nil {
		t.Fatal(err)
	}
	if who, err := Claim(path, "vigie-1"); err != nil || who.Machine != "vigie-1" {
		t.Errorf("%+v, %v", who, err)
	}
	if who, err := Who(path); err != nil || who != (Identity{ID: id, Name: "Gate", Machine: "vigie-1"}) {
		t.Errorf("%+v, %v", who, err)
	}
}
