// Package rights says what each user may do. A user has a profile, and a profile is a set of rights; every operation of the
// API names the one right that it needs (`x-right` in the specification), and needs Administer when it names none, so that
// what nobody has thought of is the administrators'.
//
// The profiles are fixed: their names are stored with the accounts, and a newer one is read by an older version as no right
// at all. Everything here is pure.
package rights

import "slices"

// Right is leave to do something, as the specification spells it.
type Right string

// The rights.
const (
	Own        Right = "own"        // what every user may: his session, password and layouts
	Watch      Right = "watch"      // live pictures, and how the appliance is
	Play       Right = "play"       // what is recorded
	Export     Right = "export"     // take it away
	Protect    Right = "protect"    // keep it from being deleted, and give that up
	Record     Right = "record"     // have something recorded now
	Administer Right = "administer" // everything else
)

// Known says whether the specification may name a right.
func Known(r Right) bool {
	return r == Own || slices.Contains(all(), r)
}

func all() []Right { return []Right{Watch, Play, Export, Protect, Record, Administer} }

// Profile is a user's set of rights.
type Profile string

// The profiles.
const (
	Administrator Profile = "administrator"
	Operator      Profile = "operator"
	Viewer        Profile = "viewer"
	Guard         Profile = "guard"
)

// Rights are those of a profile, beside Own; of an unknown one none.
func (p Profile) Rights() []Right {
	switch p {
	case Administrator:
		return all()
	case Operator:
		return []Right{Watch, Play, Export, Protect, Record}
	case Viewer:
		return []Right{Watch, Play}
	case Guard:
		return []Right{Watch}
	}
	return nil
}

// Valid says whether somebody can be given the profile.
func (p Profile) Valid() bool { return len(p.Rights()) > 0 }

// May says whether the profile has a right.
func (p Profile) May(r Right) bool { return r == Own || slices.Contains(p.Rights(), r) }
