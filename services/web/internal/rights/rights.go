// Package rights says what each user may do. A user has a profile, and a profile is a set of rights; every operation of the
// API names the one right that it needs (`x-right` in the specification), and needs Administer when it names none, so that
// what nobody has thought of is the administrators'.
//
// The profiles are fixed: their names are stored with the accounts, and a newer one is read by an older version as no right
// at all.
//
// Beside the profile a user can be limited to some cameras. Which of what a service tells is about a camera only that service
// knows, so it is told the user's cameras (see gateway) and keeps to them. Administrators are never limited: they could lift it.
// Everything here is pure.
package rights

import (
	"slices"
	"strings"
)

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
	Delete     Right = "delete"     // have recordings deleted before their time
	Administer Right = "administer" // everything else
)

// Known says whether the specification may name a right.
func Known(r Right) bool {
	return r == Own || slices.Contains(all(), r)
}

func all() []Right { return []Right{Watch, Play, Export, Protect, Record, Delete, Administer} }

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

// Who is a user, as the services behind know him.
type Who struct {
	Name    string
	Profile Profile
	Cameras Cameras
}

// Cameras are those that a user may see: all, those yet to come too, unless Limited.
type Cameras struct {
	Limited bool     `json:"limited,omitempty"`
	Only    []string `json:"only,omitempty"` // ids, in order
}

// mostCameras is how many a user can be limited to.
const mostCameras = 1000

// Limit makes Cameras of ids as a client sends them. why says, as a sentence for the user, what is wrong with them. An id that
// no camera has, or no longer, does no harm.
func Limit(ids []string) (c Cameras, why string) {
	switch {
	case len(ids) == 0:
		return c, "Choose the cameras that the user may see, or all."
	case len(ids) > mostCameras:
		return c, "These are too many cameras to choose one by one. Choose all instead."
	}
	for _, id := range ids {
		if id == "" || len(id) > 32 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			return c, "There is no such camera; it may have been removed."
		}
	}
	only := slices.Clone(ids)
	slices.Sort(only)
	return Cameras{Limited: true, Only: slices.Compact(only)}, ""
}

// Same says whether both are the same cameras.
func (c Cameras) Same(other Cameras) bool {
	return c.Limited == other.Limited && slices.Equal(c.Only, other.Only)
}
