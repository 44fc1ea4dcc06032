package layouts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
	"vigie/services/web/internal/accounts"
)

func open(t *testing.T) (*Store, *mirror.DB) {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "accounts.db"), Name: "accounts"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(accounts.Mirrored(db)), db
}

func quad(name string) Layout {
	return Layout{Name: name, Columns: 2, Rows: 2, Tiles: []Tile{
		{Column: 1, Row: 0, Columns: 1, Rows: 1, Kind: KindCamera, Camera: "k3f9x2ab"},
		{Column: 0, Row: 1, Columns: 2, Rows: 1, Kind: KindCamera, Camera: "k3f9x2ac"},
	}}
}

func TestLayoutsAreTheUsersOwn(t *testing.T) {
	s, _ := open(t)
	gate, err := s.Add("Ann", quad("gate"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add("ann", quad("GATE")); !errors.Is(err, ErrTaken) {
		t.Errorf("a second of the same name: %v", err)
	}
	alley, err := s.Add("aNN", quad("Alley"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add("an", quad("gate")); err != nil {
		t.Errorf("another user's of the same name: %v", err)
	}
	list, err := s.List("ann")
	if diff := cmp.Diff([]Layout{alley, gate}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	gate.Name, gate.Tiles = "Gate and yard", nil
	if err := s.Put("an", gate); !errors.Is(err, ErrUnknown) {
		t.Errorf("another user's is changed: %v", err)
	}
	if err := s.Delete("an", gate.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("another user's is removed: %v", err)
	}
	if err := s.Put("ann", gate); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("ann", Layout{ID: alley.ID, Name: "gate AND yard", Columns: 1, Rows: 1}); !errors.Is(err, ErrTaken) {
		t.Errorf("renamed to a name that is taken: %v", err)
	}
	if err := s.Delete("ann", alley.ID); err != nil {
		t.Fatal(err)
	}
	list, err = s.List("ANN")
	if diff := cmp.Diff([]Layout{gate}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestThereAreOnlySoMany(t *testing.T) {
	s, _ := open(t)
	for i := range MaxLayouts {
		if _, err := s.Add("ann", quad(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add("ann", quad("one more")); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if _, err := s.Add("ben", quad("one more")); err != nil {
		t.Errorf("of another user: %v", err)
	}
}

func TestARowOfALaterVersionIsLeftAlone(t *testing.T) {
	s, db := open(t)
	later := []byte(`{"version":2,"name":"walls","columns":1,"rows":1,"tiles":[{"kind":"wall"}]}`)
	if err := db.Update(func(tx *mirror.Tx) error { return tx.Put(bucket, key("ann", "later"), later) }); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List("ann"); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if err := s.Put("ann", Layout{ID: "later", Name: "x", Columns: 1, Rows: 1}); !errors.Is(err, ErrUnknown) {
		t.Errorf("it is overwritten: %v", err)
	}
}

var faults = []struct {
	field string
	bend  func(*Layout)
}{
	{"name", func(l *Layout) { l.Name = " " }},
	{"name", func(l *Layout) { l.Name = strings.Repeat("x", 65) }},
	{"name", func(l *Layout) { l.Name = "a\nb" }},
	{"name", func(l *Layout) { l.Name = "a\xff" }},
	{"name", func(l *Layout) { l.Name = "a " }},
	{"columns", func(l *Layout) { l.Columns = 9 }},
	{"rows", func(l *Layout) { l.Rows = 0 }},
	{"tiles[0]", func(l *Layout) { l.Tiles[0].Column = 2 }},
	{"tiles[0]", func(l *Layout) { l.Tiles[0].Column = -1 }},
	{"tiles[0]", func(l *Layout) { l.Tiles[0].Column, l.Tiles[0].Columns = math.MaxInt, math.MaxInt }},
	{"tiles[0]", func(l *Layout) { l.Tiles[0].Rows = 0 }},
	{"tiles[1]", func(l *Layout) { l.Tiles[1].Row = 0 }},
	{"tiles[1]", func(l *Layout) { l.Tiles[1].Kind = "map" }},
	{"tiles[1]", func(l *Layout) { l.Tiles[1].Camera = "../../etc" }},
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	if err := quad("good").Check(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for i, c := range faults {
		l := quad("good")
		c.bend(&l)
		if f := new(Fault); !errors.As(l.Check(), &f) || f.Field != c.field || f.Message == "" {
			t.Errorf("%d: %+v, want a fault of %s", i, f, c.field)
		}
	}
}

// What passes Check fits on a grid whatever was sent.
func FuzzCheck(f *testing.F) {
	for _, c := range faults {
		l := quad("good")
		c.bend(&l)
		b, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	good, err := json.Marshal(quad("good"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		var l Layout
		if json.Unmarshal(b, &l) != nil || l.Check() != nil {
			return
		}
		cells := 0
		for _, tile := range l.Tiles {
			cells += tile.Columns * tile.Rows
		}
		if cells > l.Columns*l.Rows || l.Columns*l.Rows > MaxSide*MaxSide || l.Name == "" {
			t.Errorf("%+v passes", l)
		}
	})
}
