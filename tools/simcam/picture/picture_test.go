package picture

import (
	"errors"
	"testing"
)

func TestPictureReadsBackTheFrameItShows(t *testing.T) {
	for _, size := range [][2]int{{160, 120}, {640, 360}, {1280, 720}, {1920, 1080}} {
		p := &Painter{Width: size[0], Height: size[1], FPS: 25, Label: "CAM 7", Camera: 7}
		buf := make([]byte, p.FrameSize())
		for _, frame := range []int{0, 1, 24, 25, 749, 1499} {
			p.Paint(buf, frame)
			got, err := Read(buf, p.Width, p.Height)
			if want := (Code{Frame: frame, Camera: 7}); err != nil || got != want {
				t.Errorf("%v frame %d: %+v, %v", size, frame, got, err)
			}
		}
	}
}

func TestPicturesOfTwoFramesDiffer(t *testing.T) {
	p := &Painter{Width: 320, Height: 240, FPS: 10, Label: "A"}
	a, b := make([]byte, p.FrameSize()), make([]byte, p.FrameSize())
	p.Paint(a, 5)
	p.Paint(b, 6)
	differ := 0
	for i := range a {
		if a[i] != b[i] {
			differ++
		}
	}
	if differ < len(a)/4 {
		t.Errorf("%d of %d bytes differ: the picture stands still", differ, len(a))
	}
}

func TestDamagedOrMissingCodeIsRefused(t *testing.T) {
	p := &Painter{Width: 640, Height: 360, FPS: 25, Label: "CAM"}
	buf := make([]byte, p.FrameSize())
	p.Paint(buf, 1234)
	cell, top := grid(p.Width, p.Height)
	p.fill(buf, 5*cell, top+2*cell, cell, cell, 255-buf[(top+2*cell)*p.Width+5*cell])
	if c, err := Read(buf, p.Width, p.Height); !errors.Is(err, ErrNoCode) {
		t.Errorf("one flipped cell: %+v, %v", c, err)
	}
	if _, err := Read(make([]byte, 640*360), 640, 360); !errors.Is(err, ErrNoCode) {
		t.Errorf("a black picture: %v", err)
	}
	if _, err := Read(buf[:100], 640, 360); !errors.Is(err, ErrNoCode) {
		t.Errorf("a short picture: %v", err)
	}
}
