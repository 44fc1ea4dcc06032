package screen

import (
	"fmt"
	"image"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Code is a QR code (ISO/IEC 18004): dark and light modules, with a margin of light ones.
type Code struct {
	dark   func(x, y int) bool
	size   int // of the code itself, in modules
	margin int
}

// NewCode makes the code of an address, with a margin in modules (the standard has 4; readers do with less). The address
// is written in capitals, which scheme and host of a URL do not tell from small letters (RFC 3986, section 6.2.2.1): so
// most fit into the smallest code of 21 modules, which holds 25 of the characters of its alphanumeric mode.
func NewCode(url string, margin int) (Code, error) {
	b, err := qr.Encode(strings.ToUpper(url), qr.L, qr.Auto)
	if err != nil {
		return Code{}, fmt.Errorf("QR code of %s: %w", url, err)
	}
	var picture image.Image = b
	return Code{size: b.Bounds().Dx(), margin: margin, dark: func(x, y int) bool {
		r, _, _, _ := picture.At(x, y).RGBA()
		return r < 0x8000
	}}, nil
}

// Modules is how many modules the code has on each side, margin included.
func (c Code) Modules() int { return c.size + 2*c.margin }

func (c Code) light(x, y int) bool {
	x, y = x-c.margin, y-c.margin
	return x < 0 || y < 0 || x >= c.size || y >= c.size || !c.dark(x, y)
}

// Control sequences (ECMA-48, 8.3.117): white on black, which a terminal without colours has anyway; and that reversed.
const (
	normal   = "\x1b[0m"
	onBlack  = "\x1b[0;37;40m"
	reversed = "\x1b[7m"
)

// Spaces draws the code for any terminal that can reverse: two columns and one row a module, in nothing but spaces.
func (c Code) Spaces() []string {
	var lines []string
	for y := range c.Modules() {
		var b strings.Builder
		b.WriteString(onBlack)
		light := false
		for x := range c.Modules() {
			if l := c.light(x, y); l != light {
				light = l
				if light {
					b.WriteString(reversed)
				} else {
					b.WriteString(onBlack)
				}
			}
			b.WriteString("  ")
		}
		b.WriteString(normal)
		lines = append(lines, b.String())
	}
	return lines
}

// Blocks draws the code with half blocks, two modules a character, for the machine's own screen: its fonts have them.
func (c Code) Blocks() []string {
	var lines []string
	for y := 0; y < c.Modules(); y += 2 {
		var b strings.Builder
		b.WriteString(onBlack)
		for x := range c.Modules() {
			top, bottom := c.light(x, y), y+1 < c.Modules() && c.light(x, y+1)
			switch {
			case top && bottom:
				b.WriteRune('█')
			case top:
				b.WriteRune('▀')
			case bottom:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString(normal)
		lines = append(lines, b.String())
	}
	return lines
}
