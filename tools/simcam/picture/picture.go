// Package picture draws the test picture of a simulated camera, and reads back what a picture shows.
//
// A picture shows one frame of a loop that is locked to the wall clock's minute: for people the camera's label, the
// second within the minute and the frame within the second, and a hand that goes round once a minute; for programs
// a block code. The hour and minute are not shown, since the loop repeats: the stamp (package stamp) carries those.
//
// The block code is a grid of 8 × 5 cells, each 1/40 of the picture's width (rounded down to an even number), its
// top left corner one cell from the picture's left and top, inside a white border one cell wide. A black cell is 0, a white one 1,
// most significant bit first:
//
//	row 0     1 0 1 1 0 0 1 0                 marker
//	row 1, 2  frame number within the loop    16 bits
//	row 3     number of the camera            8 bits
//	row 4     row 1 xor row 2 xor row 3 xor 0x5a
//
// Drawing and reading are pure; a Painter serves one goroutine.
package picture

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// LoopSeconds is the length of the loop that pictures belong to.
const LoopSeconds = 60

const (
	columns, rows = 8, 5
	marker        = 0xb2
	checkSeed     = 0x5a
	white, black  = 235, 16
)

// Code is what the block code says.
type Code struct {
	Frame  int // within the loop: second within the minute × frames per second + frame within the second
	Camera int // 0 to 255
}

// ErrNoCode is returned by Read for a picture without a readable block code.
var ErrNoCode = errors.New("no block code")

func cellSize(width int) int { return width / 40 &^ 1 }

func (c Code) bytes() [rows]byte {
	hi, lo, cam := byte(c.Frame>>8), byte(c.Frame), byte(c.Camera)
	return [rows]byte{marker, hi, lo, cam, hi ^ lo ^ cam ^ checkSeed}
}

// Read reads the block code from the luma plane of a picture (8 bits a pixel, rows of width bytes).
func Read(luma []byte, width, height int) (Code, error) {
	cell := cellSize(width)
	if cell < 4 || height < 7*cell || len(luma) < width*height {
		return Code{}, fmt.Errorf("picture of %d × %d: %w", width, height, ErrNoCode)
	}
	var b [rows]byte
	for y := range rows {
		for x := range columns {
			// the mean of the cell's inner half withstands the blur of an encoder
			sum, n := 0, 0
			for dy := cell / 4; dy < cell-cell/4; dy++ {
				for dx := cell / 4; dx < cell-cell/4; dx++ {
					sum += int(luma[((y+1)*cell+dy)*width+(x+1)*cell+dx])
					n++
				}
			}
			b[y] <<= 1
			if sum/n > 128 {
				b[y] |= 1
			}
		}
	}
	c := Code{Frame: int(b[1])<<8 | int(b[2]), Camera: int(b[3])}
	if b != c.bytes() {
		return Code{}, ErrNoCode
	}
	return c, nil
}

// Painter draws the pictures of one camera.
type Painter struct {
	Width, Height int // even; at least 160 × 120
	FPS           int
	Label         string // shown large; letters, digits, '-' and ':'
	Camera        int    // for the block code; gives the picture its tint too

	wave   []byte
	static []byte
}

// FrameSize is the size in bytes of one picture, planar YUV 4:2:0.
func (p *Painter) FrameSize() int { return p.Width * p.Height * 3 / 2 }

// Paint draws frame number frame of the loop into dst, which is FrameSize bytes long: luma, then Cb, then Cr.
func (p *Painter) Paint(dst []byte, frame int) {
	w, h := p.Width, p.Height
	if p.static == nil {
		p.prepare()
	}
	luma := dst[:w*h]
	// a background that moves by one pixel a frame, with structure in it, so that encoders have honest work
	for y := range h {
		row := luma[y*w : (y+1)*w]
		base := p.wave[(y*3+frame*2)&1023]
		wave := p.wave[(frame+y)&1023:]
		tex := p.static[y*w : (y+1)*w]
		for x := range row {
			row[x] = (wave[x]+base)>>1 + tex[x]
		}
	}
	p.chroma(dst[w*h:], frame)
	p.hand(luma, frame)
	cell := cellSize(w)
	second, within := frame/p.FPS, frame%p.FPS
	scale := max(1, w/160)
	p.text(luma, strings.ToUpper(p.Label), 12*cell, cell, scale*2)
	p.text(luma, fmt.Sprintf("%02d.%02d", second, within), 12*cell, cell+20*scale, scale*3)
	p.code(luma, Code{Frame: frame, Camera: p.Camera}, cell)
}

func (p *Painter) prepare() {
	p.wave = make([]byte, 1024+p.Width)
	for i := range p.wave {
		p.wave[i] = byte(84 + 28*math.Sin(2*math.Pi*float64(i)*8/1024))
	}
	p.static = make([]byte, p.Width*p.Height)
	state := uint32(1 + p.Camera)
	for i := range p.static {
		state = state*1664525 + 1013904223
		p.static[i] = byte(state >> 29) // grain of 0 to 7 levels that stands still
	}
}

func (p *Painter) chroma(dst []byte, frame int) {
	n := p.Width / 2 * p.Height / 2
	angle := 2 * math.Pi * float64(p.Camera*97%360) / 360
	cb, cr := byte(128+24*math.Cos(angle)), byte(128+24*math.Sin(angle))
	for i := range n {
		dst[i], dst[n+i] = cb, cr
	}
}

// hand draws a dial in the lower right whose hand goes round once a minute.
func (p *Painter) hand(luma []byte, frame int) {
	w, h := p.Width, p.Height
	r := float64(h) / 5
	cx, cy := float64(w)-r*1.3, float64(h)-r*1.3
	angle := 2 * math.Pi * float64(frame) / float64(LoopSeconds*p.FPS)
	dx, dy := math.Sin(angle), -math.Cos(angle)
	thick := math.Max(1.5, r/16)
	for y := int(cy - r); y <= int(cy+r); y++ {
		for x := int(cx - r); x <= int(cx+r); x++ {
			px, py := float64(x)-cx, float64(y)-cy
			d := math.Hypot(px, py)
			along, across := px*dx+py*dy, math.Abs(px*dy-py*dx)
			switch {
			case d > r:
			case d > r-thick || along > 0 && across < thick:
				luma[y*w+x] = white
			default:
				luma[y*w+x] = 40
			}
		}
	}
}

func (p *Painter) text(luma []byte, s string, x, y, scale int) {
	for _, r := range s {
		g := glyph(r)
		for gy, bits := range g {
			for gx := range 5 {
				v := byte(black)
				if bits>>(4-gx)&1 == 1 {
					v = white
				}
				p.fill(luma, x+gx*scale, y+gy*scale, scale, scale, v)
			}
		}
		p.fill(luma, x+5*scale, y, scale, 7*scale, black)
		x += 6 * scale
	}
}

func (p *Painter) code(luma []byte, c Code, cell int) {
	p.fill(luma, 0, 0, (columns+2)*cell, (rows+2)*cell, white)
	for y, b := range c.bytes() {
		for x := range columns {
			if b>>(7-x)&1 == 0 {
				p.fill(luma, (x+1)*cell, (y+1)*cell, cell, cell, black)
			}
		}
	}
}

func (p *Painter) fill(luma []byte, x, y, w, h int, v byte) {
	for yy := y; yy < min(y+h, p.Height); yy++ {
		for xx := x; xx < min(x+w, p.Width); xx++ {
			luma[yy*p.Width+xx] = v
		}
	}
}
