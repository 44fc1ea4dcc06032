package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/cgroup"
	"vigie/initramfs/internal/guard"
	"vigie/initramfs/internal/launch"
	"vigie/initramfs/internal/logring"
	"vigie/initramfs/internal/reap"
	"vigie/internal/health"
)

// drainLimit is how long what a dead service printed may still come in.
const drainLimit = 500 * time.Millisecond

// emptyLimit is how long what a dead service forked may take to be gone; after that only a later try can start it.
const emptyLimit = time.Second

// process is one run of a service: its process, its pipes, its health conversation.
type process struct {
	pid     int
	reaper  *reap.Reaper
	group   *cgroup.Group // nil: the machine has no cgroups
	health  *os.File
	outputs [2]*os.File // our ends of stdout and stderr
	readers sync.WaitGroup
	ended   chan struct{} // closed when the process has ended
}

// Events of a run. The loop tells runs apart by their pointer.
type (
	eventEnded struct { // the process was reaped
		run    *run
		status syscall.WaitStatus
	}
	eventFinished struct { // and nothing is left of it
		run    *run
		status syscall.WaitStatus
	}
	eventAnswer struct {
		run      *run
		progress uint64
		reason   string
	}
)

// run ties a process to its service in events.
type run struct {
	service *service
	process *process
}

// starter is what it takes to start services.
type starter struct {
	log      *slog.Logger
	reaper   *reap.Reaper
	tree     *cgroup.Tree // nil: none
	launcher string       // the program that goes by launch.Name
	events   chan<- any
	ask      time.Duration
	onLine   func(service, line string) // a line of standard output
}

// start starts a service's process. Its end is reported as eventEnded, each answer as eventAnswer.
func (st *starter) start(s *service) (*run, error) {
	def := s.def
	if def.RuntimeDir != "" {
		if err := launch.MakeRuntimeDir(def.RuntimeDir, def.UID, def.GID, def.RuntimeMode); err != nil {
			return nil, err
		}
	}
	if def.Terminal != "" {
		if err := launch.GiveTerminal(def.Terminal, def.UID); err != nil {
			st.log.Warn("terminal", "service", def.Name, "err", err) // the service waits for one
		}
	}
	spec := launch.Spec{
		Path: def.Path, Args: append([]string{def.Path}, def.Args...),
		Env: append(launch.Environment(def.RuntimeDir, def.Env), health.EnvFD+"=3"), Dir: "/",
		UID: def.UID, GID: def.GID, Caps: def.Caps, NoNewPrivs: def.NoNewPrivs, OOMScoreAdj: def.OOMScoreAdj, MaxFiles: def.MaxFiles,
	}
	argv, err := spec.Argv()
	if err != nil {
		return nil, err
	}
	p := &process{reaper: st.reaper, ended: make(chan struct{})}
	r := &run{service: s, process: p}
	attr := &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true}}
	if st.tree != nil {
		p.group, err = st.tree.Fresh(def.Name, def.Limits)
		if errors.Is(err, cgroup.ErrPopulated) {
			return nil, err
		}
		if err != nil {
			st.log.Warn("control group", "service", def.Name, "err", err)
		}
	}
	if p.group != nil {
		dir, err := p.group.Open()
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(dir.Fd())
	}
	theirs, err := p.openFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range theirs {
		attr.Files = append(attr.Files, f.Fd())
	}
	p.pid, err = st.reaper.Start(st.launcher, argv, attr, func(status syscall.WaitStatus) {
		st.events <- eventEnded{r, status}
	})
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		p.closeFiles()
		return nil, err
	}
	guard.Go(&p.readers, st.log, def.Name+" stdout", func() {
		readLines(p.outputs[0], func(line string) {
			s.ring.Add(line)
			st.onLine(def.Name, line)
		})
	})
	guard.Go(&p.readers, st.log, def.Name+" stderr", func() { readLines(p.outputs[1], s.ring.Add) })
	guard.Go(&p.readers, st.log, def.Name+" health", func() {
		converse(p.health, st.ask, p.ended, func(progress uint64, reason string) {
			select {
			case st.events <- eventAnswer{r, progress, reason}:
			case <-p.ended:
			}
		})
	})
	return r, nil
}

// openFiles makes the pipes and the health socket pair and returns the service's ends: null, stdout, stderr, health.
func (p *process) openFiles() (theirs []*os.File, err error) {
	defer func() {
		if err != nil {
			for _, f := range theirs {
				f.Close()
			}
			p.closeFiles()
		}
	}()
	null, err := os.Open("/dev/null")
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, null)
	for i := range p.outputs {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		p.outputs[i], theirs = r, append(theirs, w)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return theirs, fmt.Errorf("health socket: %w", err)
	}
	p.health = os.NewFile(uintptr(fds[0]), "health")
	// The blocking mode belongs to the open file that the service shares with nobody: it gets a plain one.
	if err := unix.SetNonblock(fds[1], false); err != nil {
		unix.Close(fds[1])
		return theirs, fmt.Errorf("health socket: %w", err)
	}
	return append(theirs, os.NewFile(uintptr(fds[1]), "health")), nil
}

func (p *process) closeFiles() {
	for _, f := range append(p.outputs[:], p.health) {
		if f != nil {
			f.Close()
		}
	}
}

// signal sends a signal to the process group.
func (p *process) signal(sig syscall.Signal) error {
	return p.reaper.SignalGroup(p.pid, sig)
}

// kill ends everything the service started, for certain.
func (p *process) kill() error {
	err := p.signal(unix.SIGKILL)
	if errors.Is(err, reap.ErrGone) || errors.Is(err, unix.ESRCH) {
		err = nil
	}
	if p.group != nil {
		err = errors.Join(err, p.group.Kill())
	}
	return err
}

// finish is called once the process has ended: it ends what it left behind, takes in its last lines and closes. It can
// wait, so it must not run in the loop.
func (p *process) finish() {
	if p.group != nil {
		_ = p.group.Kill()
	}
	close(p.ended)
	p.health.Close()
	for _, f := range p.outputs {
		_ = f.SetReadDeadline(time.Now().Add(drainLimit))
	}
	p.readers.Wait()
	p.closeFiles()
	if p.group == nil {
		return
	}
	for deadline := time.Now().Add(emptyLimit); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if populated, err := p.group.Populated(); err != nil || !populated {
			return
		}
	}
}

// readLines hands over each line, the overlong ones in pieces, until the file ends.
func readLines(f *os.File, line func(string)) {
	r := bufio.NewReaderSize(f, logring.MaxLine)
	for {
		text, _, err := r.ReadLine()
		if err != nil {
			return
		}
		if len(text) > 0 {
			line(strings.ToValidUTF8(string(text), "?"))
		}
	}
}

// converse asks for health every interval, one question at a time, until the process has ended. What is not an answer is
// reported as a fault of the service, and is the last that is heard of this run.
func converse(conn *os.File, interval time.Duration, ended <-chan struct{}, answer func(progress uint64, reason string)) {
	r := bufio.NewReaderSize(conn, health.MaxLine)
	for {
		next := time.Now().Add(interval)
		if _, err := conn.WriteString(health.Question); err != nil {
			return
		}
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			answer(0, "its health answer is too long")
			return
		}
		if err != nil {
			return
		}
		progress, reason, err := health.ParseAnswer(strings.TrimSuffix(string(line), "\n"))
		if err != nil {
			answer(0, "its health answer makes no sense")
			return
		}
		answer(progress, reason)
		select {
		case <-time.After(time.Until(next)):
		case <-ended:
			return
		}
	}
}
