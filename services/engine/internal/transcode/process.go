package transcode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clockRate  = 90000
	maxPicture = 8 << 20 // bytes of a JPEG
	maxLine    = 100     // bytes of what is said of one
)

var (
	errQuiet = errors.New("the decoder gives no pictures")
	errBad   = errors.New("the decoder breaks the rules")
)

// process is a running decoder.
type process struct {
	cmd    *exec.Cmd
	in     *os.File
	done   chan struct{} // closed when it has ended and all that it wrote is read
	err    error         // why it ended, once done is closed
	talk   complaint
	given  atomic.Int64 // pictures
	lastAt atomic.Int64 // when the last came, or since when one is due; Unix nanoseconds
}

// start runs a decoder for pictures of a size. Each picture, with its instant since the Unix epoch, goes to each, which is
// called from one goroutine and not after kill.
func (t *Transcoder) start(ctx context.Context, width, height int, each func(at time.Duration, jpeg []byte)) (*process, error) {
	w, h := fit(width, height)
	return t.run(ctx, []string{
		"-vf", fmt.Sprintf("select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,%.3f),scale=%d:%d:flags=fast_bilinear:out_range=full,format=yuvj420p", minApart.Seconds(), w, h),
	}, each)
}

// run starts a decoder with options for its output.
func (t *Transcoder) run(ctx context.Context, options []string, each func(at time.Duration, jpeg []byte)) (p *process, err error) {
	var files []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				files = append(files, r, w)
			}
		}
		return r, w
	}
	stdin, in := pipe()
	out, stdout := pipe()
	times, stats := pipe()
	closeAll := func(list ...*os.File) {
		for _, f := range list {
			f.Close()
		}
	}
	if err != nil {
		closeAll(files...)
		return nil, fmt.Errorf("make pipes for the decoder: %w", err)
	}
	args := append([]string{}, t.cfg.Confine[1:]...)
	args = append(args, t.cfg.Program, "-nostdin", "-hide_banner", "-loglevel", "error", "-copyts",
		"-probesize", "32", "-analyzeduration", "0", "-threads", "1", "-f", "mov", "-i", "pipe:0", "-map", "0:v:0")
	args = append(args, options...)
	args = append(args, "-c:v", "mjpeg", "-q:v", "5", "-threads", "1", "-fps_mode", "passthrough", "-enc_time_base", fmt.Sprintf("1:%d", clockRate),
		"-stats_enc_post", "pipe:3", "-stats_enc_post_fmt", "{pts} {tb} {size}", "-flush_packets", "1", "-f", "mjpeg", "pipe:1")
	p = &process{in: in, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, t.cfg.Confine[0], args...)
	p.cmd.Dir, p.cmd.Env = "/", []string{}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, &p.talk
	p.cmd.ExtraFiles = []*os.File{stats}
	p.cmd.WaitDelay = time.Second
	err = p.cmd.Start()
	closeAll(stdin, stdout, stats)
	if err != nil {
		closeAll(in, out, times)
		return nil, fmt.Errorf("start the decoder: %w", err)
	}
	p.lastAt.Store(time.Now().UnixNano())
	go func() {
		defer close(p.done)
		err := p.read(out, times, each)
		closeAll(out, times, in)
		if err != nil {
			_ = p.cmd.Process.Kill()
		}
		ended := p.cmd.Wait()
		switch said := p.talk.String(); {
		case err != nil:
			p.err = err
		case ended != nil && said != "":
			p.err = fmt.Errorf("the decoder ended (%w): %s", ended, said)
		case ended != nil:
			p.err = fmt.Errorf("the decoder ended: %w", ended)
		}
	}()
	return p, nil
}

// write gives the decoder bytes to read.
func (p *process) write(b []byte) error {
	if time.Since(time.Unix(0, p.lastAt.Load())) > patience {
		return errQuiet
	}
	if err := p.in.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("hand over to the decoder: %w", err)
	}
	if _, err := p.in.Write(b); err != nil {
		return fmt.Errorf("hand over to the decoder: %w", err)
	}
	return nil
}

// finish tells the decoder that nothing more comes, and waits for what it still has to say.
func (p *process) finish() error {
	p.in.Close()
	<-p.done
	return p.err
}

// kill ends the decoder and waits for it.
func (p *process) kill() {
	p.in.Close()
	_ = p.cmd.Process.Kill()
	<-p.done
}

// cause is why the decoder ended by itself; nil if it has not, within a moment.
func (p *process) cause() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

// read takes pictures until there are no more.
func (p *process) read(out, times *os.File, each func(at time.Duration, jpeg []byte)) error {
	lines := bufio.NewReaderSize(times, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("%w: a line about a picture: %w", errBad, err)
		}
		at, size, err := parse(string(line))
		if err != nil {
			return err
		}
		jpeg := make([]byte, size)
		if _, err := io.ReadFull(out, jpeg); err != nil {
			return fmt.Errorf("%w: a picture is short: %w", errBad, err)
		}
		if !bytes.HasPrefix(jpeg, []byte{0xff, 0xd8}) {
			return fmt.Errorf("%w: a picture is no JPEG", errBad)
		}
		p.given.Add(1)
		p.lastAt.Store(time.Now().UnixNano())
		each(at, jpeg)
	}
}

// parse reads a line about a picture; see the package comment.
func parse(line string) (at time.Duration, size int, err error) {
	var pts, numerator, denominator int64
	if n, err := fmt.Sscanf(strings.TrimSuffix(line, "\n"), "%d %d/%d %d", &pts, &numerator, &denominator, &size); err != nil || n != 4 {
		return 0, 0, fmt.Errorf("%w: it says %q of a picture", errBad, line)
	}
	const most = 1 << 50 // ticks; at 90 kHz, 396 years
	if pts < 0 || pts > most || numerator < 1 || numerator > 1000 || denominator < 1 || denominator > 1e6 || size < 4 || size > maxPicture {
		return 0, 0, fmt.Errorf("%w: a picture of %d bytes at %d x %d/%d s", errBad, size, pts, numerator, denominator)
	}
	ticks := pts * numerator
	seconds := ticks / denominator
	if seconds > 1<<33 {
		return 0, 0, fmt.Errorf("%w: a picture at %d s", errBad, seconds)
	}
	return time.Duration(seconds)*time.Second + time.Duration(ticks%denominator*int64(time.Second)/denominator), size, nil
}

// ticksOf rounds: what was ticks becomes the same ticks again.
func ticksOf(d time.Duration) int64 {
	return int64(d)/int64(time.Second)*clockRate + (int64(d)%int64(time.Second)*clockRate+int64(time.Second)/2)/int64(time.Second)
}

// fit returns the size of pictures made of a video: its own, or as much of it as fits, in even numbers.
func fit(width, height int) (w, h int) {
	if width <= 0 || height <= 0 {
		return maxWidth, maxHeight
	}
	if width > maxWidth || height > maxHeight {
		if width*maxHeight > height*maxWidth {
			width, height = maxWidth, height*maxWidth/width
		} else {
			width, height = width*maxHeight/height, maxHeight
		}
	}
	return max(2, width&^1), max(2, height&^1)
}

// complaint keeps the beginning of what a decoder writes to its standard error.
type complaint struct {
	mu   sync.Mutex
	text []byte
}

func (c *complaint) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b[:min(len(b), 500-len(c.text))]...)
	return len(b), nil
}

func (c *complaint) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.ToValidUTF8(strings.Join(strings.Fields(string(c.text)), " "), "?")
}
