package ring

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigie/services/engine/internal/media"
)

var run = &media.Run{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}, {Codec: media.PCMU, ClockRate: 8000}}}

// source pushes numbered frames of 100 bytes, a keyframe each gop frames.
type source struct {
	ring *Ring
	gop  int
	n    int
}

func (s *source) push(n int) {
	for range n {
		s.ring.Push(&media.Frame{Run: run, Keyframe: s.n%s.gop == 0, PTSTicks: int64(s.n), DTSTicks: int64(s.n), Payload: make([]byte, 100)})
		s.n++
	}
}

// read returns the numbers of the frames of one Read.
func read(t *testing.T, rd *Reader, size int) (numbers []int, lost int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	dst := make([]*media.Frame, size)
	n, lost, err := rd.Read(ctx, dst)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for _, f := range dst[:n] {
		numbers = append(numbers, int(f.PTSTicks))
	}
	return numbers, lost
}

func wantSpan(t *testing.T, got []int, first, n int) {
	t.Helper()
	if len(got) != n || n > 0 && got[0] != first {
		t.Fatalf("got %d frames %v, want %d from %d on", len(got), got, n, first)
	}
	for i, v := range got {
		if v != first+i {
			t.Fatalf("frame %d follows frame %d", v, got[i-1])
		}
	}
}

func TestReadersStartWhereTheyAsk(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
	s.push(25)
	newest, oldest := s.ring.NewReader(ReaderConfig{Start: NewestKeyframe}), s.ring.NewReader(ReaderConfig{Start: Oldest})
	next := s.ring.NewReader(ReaderConfig{Start: NextKeyframe})
	s.push(7)
	got, _ := read(t, newest, 100)
	wantSpan(t, got, 20, 12)
	got, _ = read(t, oldest, 100)
	wantSpan(t, got, 0, 32)
	got, lost := read(t, next, 100)
	wantSpan(t, got, 30, 2)
	if lost != 0 {
		t.Errorf("a reader that waited for its first keyframe lost %d GOPs", lost)
	}
}

func TestAReaderStartsAtTheKeyframeOfAnInstant(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
	s.push(45)
	tick := func(n int) int64 { return int64(n) * int64(time.Second) / 90000 }
	for _, c := range []struct{ at, want int }{{-5, 0}, {0, 0}, {9, 0}, {10, 10}, {29, 20}, {30, 30}, {44, 40}, {900, 40}} {
		rd := s.ring.NewReader(ReaderConfig{Start: At, AtNs: tick(c.at) + 1})
		got, lost := read(t, rd, 1)
		wantSpan(t, got, c.want, 1)
		if lost != 0 {
			t.Errorf("at %d: %d GOPs lost", c.at, lost)
		}
	}

	for _, c := range []struct {
		from uint64
		at   int
		want int
	}{{0, 35, 30}, {30, 15, 30}, {31, 15, 40}, {41, 15, 50}} {
		rd := s.ring.NewReader(ReaderConfig{Start: At, AtNs: tick(c.at), From: c.from})
		if c.want == 50 {
			s.push(10)
		}
		got, _ := read(t, rd, 1)
		wantSpan(t, got, c.want, 1)
		if rd.Next() != uint64(c.want)+1 {
			t.Errorf("after frame %d comes %d", c.want, rd.Next())
		}
	}

	// A stream that has stopped long before has nothing of the instant.
	rd := s.ring.NewReader(ReaderConfig{Start: At, AtNs: tick(60) + int64(stale)})
	s.push(10)
	got, _ := read(t, rd, 1)
	wantSpan(t, got, 60, 1)

	// A GOP without its beginning is none to begin with.
	s = source{ring: New(Config{MaxBytes: 3000}), gop: 40}
	s.push(35)
	rd = s.ring.NewReader(ReaderConfig{Start: At, AtNs: 0})
	s.push(10)
	got, _ = read(t, rd, 100)
	wantSpan(t, got, 40, 5)
}

func TestBoundsCanBeChanged(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
	s.push(55)
	s.ring.Configure(Config{MaxBytes: 2500})
	s.push(1)
	got, _ := read(t, s.ring.NewReader(ReaderConfig{Start: Oldest}), 100)
	wantSpan(t, got, 40, 16)
}

func TestFramesBeforeTheFirstKeyframeAreRefused(t *testing.T) {
	r := New(Config{MaxBytes: 1 << 20})
	s := source{ring: r, gop: 10, n: 5}
	r.Push(&media.Frame{Run: run, Track: 1, Keyframe: true, Payload: make([]byte, 10)})
	s.push(7)
	got, _ := read(t, r.NewReader(ReaderConfig{Start: Oldest}), 10)
	wantSpan(t, got, 10, 2)
	if o := r.Stats().Orphans; o != 6 {
		t.Errorf("%d orphans, want 6", o)
	}
}

func TestBytesBoundKeepsWholeGOPs(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 3400}), gop: 10}
	s.push(95)
	st := s.ring.Stats()
	if st.Bytes > 3400 || st.GOPs != 3 || st.Frames != 25 {
		t.Errorf("held %+v, want the GOPs 70, 80 and the begun 90", st)
	}
	got, _ := read(t, s.ring.NewReader(ReaderConfig{Start: Oldest}), 100)
	wantSpan(t, got, 70, 25)
}

func TestAgeBoundAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{ring: New(Config{MaxBytes: 1 << 20, MaxAge: 5 * time.Second}), gop: 10}
		for range 120 {
			s.push(1)
			time.Sleep(100 * time.Millisecond)
		}
		got, _ := read(t, s.ring.NewReader(ReaderConfig{Start: Oldest}), 1000)
		wantSpan(t, got, 60, 60) // at 11.9 s, the GOP from 6.0 s on is needed to cover the last 5 s
		time.Sleep(time.Minute)
		s.ring.Expire()
		if st := s.ring.Stats(); st.Frames != 0 || st.Bytes != 0 {
			t.Errorf("after a minute without frames it still holds %+v", st)
		}
		s.push(3) // 120 is a keyframe
		got, _ = read(t, s.ring.NewReader(ReaderConfig{Start: Oldest}), 1000)
		wantSpan(t, got, 120, 3)
	})
}

// A GOP is held past its age for a viewer that is a little behind, and for none that is far behind.
func TestLossyReaderKeepsWhatItIsAboutToRead(t *testing.T) {
	for behind, kept := range map[time.Duration]bool{time.Second: true, 4 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			s := source{ring: New(Config{MaxBytes: 1 << 20, MaxAge: 100 * time.Millisecond}), gop: 10}
			s.push(8)
			rd := s.ring.NewReader(ReaderConfig{Start: Oldest, MaxLag: 2 * time.Second})
			s.push(2)
			time.Sleep(behind)
			s.push(1)
			time.Sleep(200 * time.Millisecond)
			s.push(1)
			got, lost := read(t, rd, 100)
			if kept {
				wantSpan(t, got, 0, 12)
			} else {
				wantSpan(t, got, 10, 2)
			}
			if (lost == 0) != kept {
				t.Errorf("%v behind: lost %d", behind, lost)
			}
			s.push(10)
			time.Sleep(200 * time.Millisecond)
			s.push(1)
			rd.Close()
			s.push(1)
			if st := s.ring.Stats(); st.GOPs != 1 {
				t.Errorf("without a reader %d GOPs are held", st.GOPs)
			}
		})
	}
}

func TestGuaranteedReaderGrowsTheRingToItsBudgetThenLosesWholeGOPs(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 2000, BudgetBytes: 10_000}), gop: 10}
	s.push(1)
	rd := s.ring.NewReader(ReaderConfig{Guaranteed: true, Start: Oldest})
	s.push(99)
	if st := s.ring.Stats(); st.Frames != 100 || st.DroppedGOPs != 0 {
		t.Fatalf("within the budget: %+v", st)
	}
	got, lost := read(t, rd, 5)
	wantSpan(t, got, 0, 5)
	if lost != 0 {
		t.Fatalf("lost %d within the budget", lost)
	}
	s.push(25) // the remainder of GOP 0, and GOPs 10 and 20 have to go
	got, lost = read(t, rd, 200)
	wantSpan(t, got, 30, 95)
	if st := s.ring.Stats(); lost != 3 || st.DroppedGOPs != 3 {
		t.Errorf("lost %d, ring says %d, want 3", lost, st.DroppedGOPs)
	}
	s.push(10)
	if st := s.ring.Stats(); st.Bytes > 2000+1000 {
		t.Errorf("holds %d bytes though the reader has caught up", st.Bytes)
	}
	got, lost = read(t, rd, 200)
	wantSpan(t, got, 125, 10)
	if lost != 0 {
		t.Errorf("lost %d after catching up", lost)
	}
}

func TestReaderLostBeforeItsFirstReadIsTold(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 2500}), gop: 10}
	s.push(25)
	rd := s.ring.NewReader(ReaderConfig{Start: NextKeyframe})
	s.push(1) // GOP 0 goes; what is held is not what the reader waits for
	if n := rd.Behind(); n != 0 {
		t.Fatalf("%d frames ready before the next keyframe", n)
	}
	s.push(49) // 26 .. 74; of the reader's GOPs, 30 and 40 do not fit any more
	got, lost := read(t, rd, 200)
	wantSpan(t, got, 50, 25)
	if lost != 2 {
		t.Errorf("lost %d, want 2", lost)
	}
}

func TestLossyReaderSkipsToTheNewestKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
		s.push(1)
		rd := s.ring.NewReader(ReaderConfig{Start: NewestKeyframe, MaxLag: 2 * time.Second})
		tick := func(n int) {
			for range n {
				time.Sleep(100 * time.Millisecond)
				s.push(1)
			}
		}
		got, _ := read(t, rd, 1)
		wantSpan(t, got, 0, 1)
		tick(20)
		got, lost := read(t, rd, 1)
		wantSpan(t, got, 1, 1)
		if lost != 0 {
			t.Fatalf("skipped although only 1.9 s behind")
		}
		tick(15) // newest is 35
		got, lost = read(t, rd, 100)
		wantSpan(t, got, 30, 6)
		if lost != 3 {
			t.Errorf("lost %d GOPs, want 3 (the remainder of 0, 10, 20)", lost)
		}
	})
}

func TestGOPLargerThanTheRingLosesItsHead(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 1000, BudgetBytes: 2000}), gop: 100}
	s.push(1)
	follower, sleeper := s.ring.NewReader(ReaderConfig{}), s.ring.NewReader(ReaderConfig{Guaranteed: true})
	for i := range 40 {
		got, lost := read(t, follower, 4)
		wantSpan(t, got, i, 1)
		if lost != 0 {
			t.Fatalf("frame %d: a reader that keeps up lost %d", i, lost)
		}
		s.push(1)
	}
	if st := s.ring.Stats(); st.Bytes > 2000 {
		t.Errorf("holds %d bytes, budget 2000", st.Bytes)
	}
	late := s.ring.NewReader(ReaderConfig{Start: NewestKeyframe})
	s.push(65)
	for _, rd := range []*Reader{sleeper, late} {
		got, lost := read(t, rd, 100)
		wantSpan(t, got, 100, 6)
		if want := map[*Reader]int{sleeper: 1, late: 0}[rd]; lost != want {
			t.Errorf("lost %d, want %d", lost, want)
		}
	}
}

func TestLingerTakesBatchesAndStillDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
		rd := s.ring.NewReader(ReaderConfig{Linger: 200 * time.Millisecond})
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 30 {
				time.Sleep(40 * time.Millisecond)
				s.push(1)
			}
		})
		total, reads := 0, 0
		for total < 30 {
			got, _ := read(t, rd, 64)
			wantSpan(t, got, total, len(got))
			total += len(got)
			reads++
		}
		if reads > 6 {
			t.Errorf("%d reads for 30 frames", reads)
		}
		wg.Wait()
		s.push(64) // a full batch does not wait
		begun := time.Now()
		got, _ := read(t, rd, 64)
		wantSpan(t, got, 30, 64)
		if d := time.Since(begun); d != 0 {
			t.Errorf("a full batch waited %v", d)
		}
	})
}

func TestCloseAndContextEndReads(t *testing.T) {
	s := source{ring: New(Config{MaxBytes: 1 << 20}), gop: 10}
	s.push(3)
	rd, gone := s.ring.NewReader(ReaderConfig{Start: Oldest, Linger: time.Hour}), s.ring.NewReader(ReaderConfig{Start: NextKeyframe})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := gone.Read(ctx, make([]*media.Frame, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled read: %v", err)
	}
	done := make(chan error)
	go func() {
		_, _, err := gone.Read(context.Background(), make([]*media.Frame, 1))
		done <- err
	}()
	gone.Close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("read of a closed reader: %v", err)
	}
	s.ring.Close()
	got, _ := read(t, rd, 10)
	wantSpan(t, got, 0, 3)
	if _, _, err := rd.Read(t.Context(), make([]*media.Frame, 1)); err != io.EOF {
		t.Errorf("read past the end: %v", err)
	}
}

// Readers of every kind follow a writer at full speed: none may see a break that it was not told of.
func TestManyReadersSeeNoUntoldBreak(t *testing.T) {
	const frames = 20_000
	s := source{ring: New(Config{MaxBytes: 5_000, BudgetBytes: 50_000, MaxAge: time.Second}), gop: 12}
	var wg sync.WaitGroup
	for i := range 8 {
		rd := s.ring.NewReader(ReaderConfig{Guaranteed: i%2 == 0, Start: Start(i % 3), MaxLag: time.Duration(i) * time.Microsecond, Linger: time.Duration(i/4) * time.Millisecond})
		wg.Go(func() {
			defer rd.Close()
			dst, last := make([]*media.Frame, 1+i*5), int64(-1)
			for {
				n, lost, err := rd.Read(context.Background(), dst)
				if err == io.EOF {
					if last != frames-1 {
						t.Errorf("reader %d ended at frame %d", i, last)
					}
					return
				}
				for k, f := range dst[:n] {
					switch {
					case k == 0 && (lost > 0 || last < 0):
						if !f.Keyframe {
							t.Errorf("reader %d starts anew at frame %d, no keyframe", i, f.PTSTicks)
						}
						if whole := (f.PTSTicks - last - 1 + 11) / 12; last >= 0 && int64(lost) != whole {
							t.Errorf("reader %d: told of %d lost GOPs from %d to %d", i, lost, last, f.PTSTicks)
						}
					case f.PTSTicks != last+1:
						t.Errorf("reader %d: frame %d follows %d", i, f.PTSTicks, last)
					}
					last = f.PTSTicks
				}
			}
		})
	}
	s.push(frames)
	s.ring.Close()
	wg.Wait()
}

func BenchmarkPush(b *testing.B) {
	r := New(Config{MaxBytes: 4 << 20})
	rd := r.NewReader(ReaderConfig{Guaranteed: true, Start: NextKeyframe, Linger: 100 * time.Millisecond})
	defer rd.Close()
	go func() {
		dst := make([]*media.Frame, 256)
		for {
			if _, _, err := rd.Read(context.Background(), dst); err != nil {
				return
			}
		}
	}()
	key := &media.Frame{Run: run, Keyframe: true, Payload: make([]byte, 40_000)}
	frame := &media.Frame{Run: run, Payload: make([]byte, 16_000)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%50 == 0 {
			r.Push(key)
		} else {
			r.Push(frame)
		}
	}
	r.Close()
}
