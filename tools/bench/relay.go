package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/internal/api"
	"vigie/services/engine/engineapi"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// relayCommand measures what readers of the relay cost, libraryCommand is the server that it is measured beside.
const (
	relayCommand   = "relay"
	libraryCommand = "library"
)

// What MediaMTX took for 100 readers by TCP of a camera of 4.24 Mbit/s on a machine of two cores, in cores, and how much of
// that the relay may take.
const (
	mediaMTX        = 0.146
	mediaMTXMegabit = 4.24
	goalReaders     = 100
	goalMediaMTX    = 0.8
)

const relayBitrate = 4_000_000

// relayed is what a server took.
type relayed struct {
	cores   float64 // for the readers alone
	idle    float64 // before they came
	megabit float64 // a second and reader, as they got it
}

// benchRelay prints what the readers of one camera cost in the engine, and in a server of the library that everybody else
// builds on (gortsplib, MediaMTX too), in the same run: by TCP, without and with the readers. The readers are in this process
// and throw away what they get.
func benchRelay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet(relayCommand, flag.ContinueOnError)
	fs.SetOutput(stderr)
	readers := fs.Int("readers", goalReaders, "`number` of readers")
	duration := fs.Duration("duration", 20*time.Second, "how long to measure, each time")
	binary := fs.String("binary", "build/vigie", "the services' `program`")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 || *readers < 1 || *readers > 1000 || *duration <= 0 {
		return errors.New("relay: 1 to 1000 readers, a time above 0, and nothing else")
	}
	store, err := content.NewStore("")
	if err != nil {
		return err
	}
	s, err := serve(ctx, options{bitrate: relayBitrate}, store, 1)
	if err != nil {
		return err
	}
	defer s.Close()
	own, err := measureRelay(ctx, *binary, s, *readers, *duration)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	library, err := measureLibrary(ctx, s, *readers, *duration)
	if err != nil {
		return fmt.Errorf("library: %w", err)
	}
	fmt.Fprintf(stdout, "%d readers by TCP, cores:\n", *readers)
	for _, r := range []struct {
		name string
		relayed
	}{{"engine", own}, {"gortsplib's server", library}} {
		fmt.Fprintf(stdout, "%20s %.3f (and %.3f without them), each reader gets %.2f Mbit/s\n", r.name, r.cores, r.idle, r.megabit)
	}
	stated := own.cores / (mediaMTX / goalReaders / mediaMTXMegabit * own.megabit * float64(*readers))
	word := "reached"
	if stated > goalMediaMTX {
		word = "missed"
	}
	fmt.Fprintf(stdout, "the engine takes %.2f of what gortsplib's server takes, and %.2f of what MediaMTX took for as many bytes; goal of %.1f %s\n",
		own.cores/library.cores, stated, goalMediaMTX, word)
	return nil
}

// measureRelay measures the engine. It records the camera all the while.
func measureRelay(ctx context.Context, binary string, s *rtspcam.Server, readers int, d time.Duration) (r relayed, err error) {
	dir, err := os.MkdirTemp("", "vigie") // a socket's path must be short
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	volume, err := os.MkdirTemp(dir, "v")
	if err != nil {
		return r, err
	}
	services, err := stack.Start(ctx, stack.Config{Binary: binary, Dir: dir, Volumes: []string{volume}})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	client := engineapi.New(services.Socket(stack.Engine))
	defer client.Close()
	cam, err := client.AddCamera(ctx, api.CameraRequest{Name: "Bench", URL: s.URL(s.Cameras()[0]), Enabled: true})
	if err != nil {
		return r, err
	}
	if err := untilAllRecorded(ctx, client, 1); err != nil {
		return r, err
	}
	port, err := freePort()
	if err != nil {
		return r, err
	}
	if _, err := client.SetRelay(ctx, api.RelaySettings{Enabled: true, RtspPort: port, RtspsPort: 322, MulticastRange: "239.192.86.0/24", MulticastPort: 18600, MaxReaders: readers}); err != nil {
		return r, err
	}
	account, err := client.AddRelayAccount(ctx, api.RelayAccountRequest{Name: "bench", AllCameras: true, Cameras: []string{}, Live: true, MaxReaders: readers})
	if err != nil {
		return r, err
	}
	u := &url.URL{Scheme: "rtsp", Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/live/" + cam.ID + "/main", User: url.UserPassword("bench", account.Password)}
	return readAll(ctx, services.PID(stack.Engine), u, readers, d)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// measureLibrary measures a process of gortsplib.
func measureLibrary(ctx context.Context, s *rtspcam.Server, readers int, d time.Duration) (r relayed, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	port, err := freePort()
	if err != nil {
		return r, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.CommandContext(ctx, self, libraryCommand, address, s.URL(s.Cameras()[0]))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return r, err
	}
	defer func() { _ = errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) }()
	return readAll(ctx, cmd.Process.Pid, &url.URL{Scheme: "rtsp", Host: address, Path: "/camera"}, readers, d)
}

// readAll measures a process without and with readers.
func readAll(ctx context.Context, pid int, u *url.URL, readers int, d time.Duration) (r relayed, err error) {
	first, got := newDrain(ctx, u), int64(0)
	if err := first.untilReady(ctx); err != nil {
		return r, err
	}
	first.close()
	if r.idle, err = cores(ctx, pid, d); err != nil {
		return r, err
	}
	list := make([]*drained, readers)
	for i := range list {
		list[i] = newDrain(ctx, u)
		if err := list[i].untilReady(ctx); err != nil {
			return r, fmt.Errorf("reader %d: %w", i, err)
		}
	}
	defer func() {
		for _, l := range list {
			l.close()
		}
	}()
	select { // the bursts with which they begin are over
	case <-ctx.Done():
		return r, ctx.Err()
	case <-time.After(3 * time.Second):
	}
	for _, l := range list {
		got -= l.bytes.Load()
	}
	all, err := cores(ctx, pid, d)
	if err != nil {
		return r, err
	}
	for i, l := range list {
		got += l.bytes.Load()
		if l.ended.Load() {
			return r, fmt.Errorf("reader %d was let go", i)
		}
	}
	r.cores, r.megabit = all-r.idle, float64(got)*8/1e6/d.Seconds()/float64(readers)
	return r, nil
}

// cores is how many processors a process keeps busy.
func cores(ctx context.Context, pid int, d time.Duration) (float64, error) {
	before, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(d):
	}
	after, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	return (after.user + after.system - before.user - before.system).Seconds() / time.Since(begun).Seconds(), nil
}

// drained is a reader that throws away what it gets.
type drained struct {
	conn  net.Conn
	err   error
	bytes atomic.Int64
	ended atomic.Bool
	done  sync.WaitGroup
}

// newDrain begins to read.
func newDrain(ctx context.Context, u *url.URL) *drained {
	d := &drained{}
	deadline := time.Now().Add(20 * time.Second)
	for { // the server may have to start first
		if d.err = d.open(ctx, u); d.err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return d
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (d *drained) open(ctx context.Context, u *url.URL) error {
	bare := *u
	bare.User = nil
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	session, err := begin(conn, r, u, bare.String())
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	d.conn = conn
	d.done.Go(func() {
		defer d.ended.Store(true)
		buf := make([]byte, 256<<10)
		for {
			n, err := r.Read(buf)
			d.bytes.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	d.done.Go(func() { keepAlive(ctx, conn, bare.String(), session) })
	return nil
}

// begin sets the picture up and plays it.
func begin(conn net.Conn, r *bufio.Reader, u *url.URL, bare string) (session string, err error) {
	sender := &auth.Sender{User: u.User.Username()}
	sender.Pass, _ = u.User.Password()
	login := func(method base.Method, address string) (string, error) {
		if sender.User == "" {
			return "", nil
		}
		at, err := base.ParseURL(address)
		if err != nil {
			return "", err
		}
		req := &base.Request{Method: method, URL: at, Header: base.Header{}}
		sender.AddAuthorization(req)
		return "\r\nAuthorization: " + req.Header["Authorization"][0], nil
	}
	if sender.User != "" {
		asked, err := challenge(conn, r, bare)
		if err != nil {
			return "", err
		}
		sender.WWWAuth = asked
		if err := sender.Initialize(); err != nil {
			return "", err
		}
	}
	a, err := login(base.Setup, bare+"/trackID=0")
	if err != nil {
		return "", err
	}
	answer, err := request(conn, r, "SETUP", bare+"/trackID=0", 2, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"+a)
	if err != nil {
		return "", err
	}
	session, _, _ = strings.Cut(answer.Get("Session"), ";")
	if a, err = login(base.Play, bare); err != nil {
		return "", err
	}
	_, err = request(conn, r, "PLAY", bare, 3, "Session: "+session+a)
	return session, err
}

// challenge asks without a login, to be asked for one.
func challenge(conn net.Conn, r *bufio.Reader, address string) ([]string, error) {
	if _, err := fmt.Fprintf(conn, "DESCRIBE %s RTSP/1.0\r\nCSeq: 1\r\n\r\n", address); err != nil {
		return nil, err
	}
	var asked []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSpace(line); line == "" {
			return asked, nil
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "WWW-Authenticate") {
			asked = append(asked, strings.TrimSpace(value))
		}
	}
}

func (d *drained) untilReady(ctx context.Context) error {
	for end := time.Now().Add(20 * time.Second); d.err == nil && d.bytes.Load() == 0; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			return errors.New("nothing comes")
		}
	}
	return d.err
}

func (d *drained) close() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
}
