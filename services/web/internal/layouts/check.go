package layouts

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fault is what is wrong with a layout.
type Fault struct {
	Field   string
	Message string // a sentence for people
}

func (f *Fault) Error() string { return f.Message }

var cameraID = regexp.MustCompile(`^[0-9a-z]{8}$`)

// Check returns a *Fault for a layout that may not be kept.
func (l Layout) Check() error {
	switch {
	case strings.TrimSpace(l.Name) == "":
		return &Fault{"name", "Give the layout a name."}
	case !utf8.ValidString(l.Name) || strings.ContainsFunc(l.Name, unicode.IsControl):
		return &Fault{"name", "The name holds characters that cannot be shown. Choose another one."}
	case utf8.RuneCountInString(l.Name) > maxName:
		return &Fault{"name", fmt.Sprintf("The name is too long. Choose one of at most %d characters.", maxName)}
	case strings.TrimSpace(l.Name) != l.Name:
		return &Fault{"name", "Leave out the spaces before and after the name."}
	case l.Columns < 1 || l.Columns > MaxSide:
		return &Fault{"columns", fmt.Sprintf("A layout has 1 to %d columns.", MaxSide)}
	case l.Rows < 1 || l.Rows > MaxSide:
		return &Fault{"rows", fmt.Sprintf("A layout has 1 to %d rows.", MaxSide)}
	}
	var taken [MaxSide][MaxSide]bool
	for i, t := range l.Tiles {
		field := fmt.Sprintf("tiles[%d]", i)
		// Each number is bounded before it is added to another.
		if t.Column < 0 || t.Row < 0 || t.Columns < 1 || t.Rows < 1 || t.Columns > l.Columns || t.Rows > l.Rows ||
			t.Column > l.Columns-t.Columns || t.Row > l.Rows-t.Rows {
			return &Fault{field, fmt.Sprintf("Tile %d does not lie within the grid of %d × %d cells.", i+1, l.Columns, l.Rows)}
		}
		if t.Kind != KindCamera {
			return &Fault{field, fmt.Sprintf("Tile %d is of a kind that this appliance does not know. It knows tiles of kind %q.", i+1, KindCamera)}
		}
		if !cameraID.MatchString(t.Camera) {
			return &Fault{field, fmt.Sprintf("Tile %d names no camera.", i+1)}
		}
		for y := t.Row; y < t.Row+t.Rows; y++ {
			for x := t.Column; x < t.Column+t.Columns; x++ {
				if taken[y][x] {
					return &Fault{field, fmt.Sprintf("Tile %d covers a cell that another tile has.", i+1)}
				}
				taken[y][x] = true
			}
		}
	}
	return nil
}
