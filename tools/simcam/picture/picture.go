// Package picture draws the test picture of a simulated camera, and reads back what a picture shows.
//
// A picture shows one frame of a loop that is locked to the wall clock's minute: for people the camera's label, the
// second within the minute and the frame within the second, and a hand that goes round once a minute, in front of a
// street with traffic and the grain of a sensor, so that encoders have honest work; for programs a block code. The hour and minute are not shown, since the loop repeats: the stamp (package stamp) carries those.
//
// The block code is a grid of 8 × 5 cells in the left of the picture, in a white border one cell wide. A cell is 1/52 of
// the picture's width, rounded down to an even number, and at least 4 pixels; the grid's top left corner is one cell
// from the picture's left, and 1/6 of its height, rounded down, from its top. A black cell is 0, a white one 1, most
// significant bit first:
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

// grid is where the block code is: the size of a cell, and the grid's distance from the picture's top; in pixels.
func grid(width, height int) (cell, top int) { return max(4, width/52&^1), height / 6 }

func (c Code) bytes() [rows]byte {
	hi, lo, cam := byte(c.Frame>>8), byte(c.Frame), byte(c.Camera)
	return [rows]byte{marker, hi, lo, cam, hi ^ lo ^ cam ^ checkSeed}
}

// Read reads the block code from the luma plane of a picture (8 bits a pixel, rows of width bytes).
func Read(luma []byte, width, height int) (Code, error) {
	cell, top := grid(width, height)
	if width < 10*cell || height < top+6*cell || len(luma) < width*height {
		return Code{}, fmt.Errorf("picture of %d × %d: %w", width, height, ErrNoCode)
	}
	var b [rows]byte
	for y := range rows {
		for x := range columns {
			// the mean of the cell's inner half withstands the blur of an encoder
			sum, n := 0, 0
			for dy := cell / 4; dy < cell-cell/4; dy++ {
				for dx := cell / 4; dx < cell-cell/4; dx++ {
					sum += int(luma[(top+y*cell+dy)*width+(x+1)*cell+dx])
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

	scene []byte // luma of what stands still
	grain []byte // levels 0 to 5, read at another place for each row of each frame
	state uint32 // of the pseudo-random numbers that the scene is made from
}

// FrameSize is the size in bytes of one picture, planar YUV 4:2:0.
func (p *Painter) FrameSize() int { return p.Width * p.Height * 3 / 2 }

// Paint draws frame number frame of the loop into dst, which is FrameSize bytes long: luma, then Cb, then Cr.
func (p *Painter) Paint(dst []byte, frame int) {
	w, h := p.Width, p.Height
	if p.scene == nil {
		p.prepare()
	}
	luma, cb, cr := dst[:w*h], dst[w*h:w*h+w/2*(h/2)], dst[w*h+w/2*(h/2):]
	copy(luma, p.scene)
	angle := 2 * math.Pi * float64(p.Camera*97%360) / 360
	tint := [2]byte{byte(128 + 8*math.Cos(angle)), byte(128 + 8*math.Sin(angle))}
	for i := range cb {
		cb[i], cr[i] = tint[0], tint[1]
	}
	p.traffic(luma, cb, cr, frame)
	for y := range h {
		row := luma[y*w : (y+1)*w]
		grain := p.grain[(frame*7919+y*104729)%(len(p.grain)-w):]
		for x := range row {
			row[x] += grain[x]
		}
	}
	p.hand(luma, frame)
	p.text(luma, strings.ToUpper(p.Label), h/6, max(1, w/220))
	p.text(luma, fmt.Sprintf("%02d.%02d", frame/p.FPS, frame%p.FPS), h/6+10*max(1, w/220), max(1, w/150))
	p.code(luma, Code{Frame: frame, Camera: p.Camera})
}

func (p *Painter) random(n int) int {
	p.state = p.state*1664525 + 1013904223
	return int(p.state>>8) % n
}

// prepare draws what stands still: sky, houses, pavement and road.
func (p *Painter) prepare() {
	w, h := p.Width, p.Height
	p.state = uint32(1 + p.Camera)
	p.grain = make([]byte, 1<<16+w)
	for i := range p.grain {
		p.grain[i] = byte(p.random(6))
	}
	p.scene = make([]byte, w*h)
	horizon, road := h*11/20, h*13/20
	for y := range h {
		v := 150 + 50*y/horizon // sky, brighter towards the horizon
		switch {
		case y >= road:
			v = 74 + 30*(y-road)/(h-road)
		case y >= horizon:
			v = 128
		}
		p.fill(p.scene, 0, y, w, 1, byte(v))
	}
	for x := 0; x < w; {
		width, height := w/16+p.random(w/10), h/8+p.random(h/4)
		wall := byte(60 + p.random(70))
		p.fill(p.scene, x, horizon-height, width, height, wall)
		step := max(6, w/64)
		for wy := horizon - height + step; wy < horizon-step; wy += 2 * step {
			for wx := x + step; wx < x+width-step; wx += 2 * step {
				glass := wall - 28
				if p.random(4) == 0 {
					glass = wall + 60
				}
				p.fill(p.scene, wx, wy, step, step, glass)
			}
		}
		x += width
	}
	for x := 0; x < w; x += w / 8 { // the line in the middle of the road
		p.fill(p.scene, x, (road+h)/2, w/16, max(2, h/90), 180)
	}
}

// traffic draws cars in two lanes. Each crosses the picture a whole number of times a loop, so that the loop has no
// seam.
func (p *Painter) traffic(luma, cb, cr []byte, frame int) {
	w, h := p.Width, p.Height
	loop := LoopSeconds * p.FPS
	for i, crossings := range []int{6, 9, 5, 8} {
		length, height := w/9+i*w/60, h/12
		x := (frame*crossings*(w+length)/loop+i*w*2/5)%(w+length) - length
		y := h*13/20 + h/24
		if i%2 == 1 { // the nearer lane, the other way
			x = w - length - x
			length, height = length*5/4, height*5/4
			y = h*4/5 + h/40
		}
		body := byte(50 + 60*i)
		p.fill(luma, x+length/5, y-height/2, length*3/5, height/2, body/2+90)
		p.fill(luma, x, y, length, height, body)
		for _, wheel := range []int{length / 6, length * 4 / 6} {
			p.fill(luma, x+wheel, y+height*3/4, length/6, height/2, 24)
		}
		p.stain(cb, x, y, length, height, byte(70+40*i))
		p.stain(cr, x, y, length, height, byte(190-30*i))
	}
}

// stain fills a rectangle, given in pixels of luma, in a plane of colour.
func (p *Painter) stain(plane []byte, x, y, w, h int, v byte) {
	for yy := max(0, y/2); yy < min((y+h)/2, p.Height/2); yy++ {
		for xx := max(0, x/2); xx < min((x+w)/2, p.Width/2); xx++ {
			plane[yy*(p.Width/2)+xx] = v
		}
	}
}

// hand draws a dial in the lower right whose hand goes round once a minute.
func (p *Painter) hand(luma []byte, frame int) {
	w, h := p.Width, p.Height
	r := float64(h) / 11
	cx, cy := float64(w)-r*1.6, float64(h)*0.8
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

// text writes white letters with a dark rim, as cameras do, up to the right edge of the picture.
func (p *Painter) text(luma []byte, s string, y, scale int) {
	left := p.Width - len(s)*6*scale - p.Width/40
	rim := max(1, scale/3)
	for _, pass := range []struct {
		grow  int
		value byte
	}{{rim, black}, {0, white}} {
		x := left
		for _, r := range s {
			for gy, bits := range glyph(r) {
				for gx := range 5 {
					if bits>>(4-gx)&1 == 1 {
						p.fill(luma, x+gx*scale-pass.grow, y+gy*scale-pass.grow, scale+2*pass.grow, scale+2*pass.grow, pass.value)
					}
				}
			}
			x += 6 * scale
		}
	}
}

func (p *Painter) code(luma []byte, c Code) {
	cell, top := grid(p.Width, p.Height)
	p.fill(luma, 0, top-cell, (columns+2)*cell, (rows+2)*cell, white)
	for y, b := range c.bytes() {
		for x := range columns {
			if b>>(7-x)&1 == 0 {
				p.fill(luma, (x+1)*cell, top+y*cell, cell, cell, black)
			}
		}
	}
}

func (p *Painter) fill(luma []byte, x, y, w, h int, v byte) {
	for yy := max(0, y); yy < min(y+h, p.Height); yy++ {
		for xx := max(0, x); xx < min(x+w, p.Width); xx++ {
			luma[yy*p.Width+xx] = v
		}
	}
}
