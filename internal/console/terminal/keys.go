package terminal

// Kind is what sort of key was pressed.
type Kind int

// The kinds. A Rune is a printable ASCII character; all that is not known is Other.
const (
	Rune Kind = iota + 1
	Enter
	Escape // also Ctrl-C
	Backspace
	Clear // Ctrl-U: the whole line
	Up
	Down
	Left
	Right
	Other
)

// Key is one key as it was pressed.
type Key struct {
	Kind Kind
	Rune byte // of a Rune
}

// Decoder makes keys of bytes. Terminals send what is no character as sequences that begin with ESC (ECMA-48, 5.4; the
// VT100's SS3 forms; Linux's console sends function keys as ESC [ [ x), and the Esc key as ESC alone: only time tells
// these apart, so who has the clock calls Pause.
type Decoder struct {
	state  state
	cr     bool // the last byte was a carriage return: a line feed that follows belongs to it
	length int  // of the sequence so far
}

type state int

const (
	ground state = iota
	escape
	control  // after ESC [
	single   // one more byte, whatever it is
	sequence = 16
)

// Accept takes a byte and returns the key that is complete with it.
func (d *Decoder) Accept(b byte) (Key, bool) {
	cr := d.cr
	d.cr = false
	switch d.state {
	case escape:
		switch b {
		case '[':
			d.state, d.length = control, 0
			return Key{}, false
		case 'O':
			d.state = single
			return Key{}, false
		case 0x1b:
			return Key{Kind: Escape}, true // the first one; this may begin a sequence
		}
		d.state = ground
		return Key{Kind: Other}, true
	case control:
		d.length++
		switch {
		case b == '[' && d.length == 1:
			d.state = single
			return Key{}, false
		case b >= 0x40 && b <= 0x7e:
			d.state = ground
			return arrow(b), true
		case b < 0x20 || b > 0x7e || d.length > sequence: // no sequence after all
			d.state = ground
			return Key{Kind: Other}, true
		}
		return Key{}, false
	case single:
		d.state = ground
		return arrow(b), true
	}
	switch {
	case b == 0x1b:
		d.state = escape
		return Key{}, false
	case b == '\r':
		d.cr = true
		return Key{Kind: Enter}, true
	case b == '\n':
		return Key{Kind: Enter}, !cr
	case b == 0x03:
		return Key{Kind: Escape}, true
	case b == 0x08 || b == 0x7f:
		return Key{Kind: Backspace}, true
	case b == 0x15:
		return Key{Kind: Clear}, true
	case b >= 0x20 && b < 0x7f:
		return Key{Kind: Rune, Rune: b}, true
	}
	return Key{Kind: Other}, true
}

// Waiting says whether a sequence may be unfinished.
func (d *Decoder) Waiting() bool { return d.state != ground }

// Pause says that nothing followed for a while: an ESC was the key, and half a sequence is nothing.
func (d *Decoder) Pause() (Key, bool) {
	was := d.state
	d.state = ground
	switch was {
	case ground:
		return Key{}, false
	case escape:
		return Key{Kind: Escape}, true
	}
	return Key{Kind: Other}, true
}

func arrow(b byte) Key {
	switch b {
	case 'A':
		return Key{Kind: Up}
	case 'B':
		return Key{Kind: Down}
	case 'C':
		return Key{Kind: Right}
	case 'D':
		return Key{Kind: Left}
	}
	return Key{Kind: Other}
}
