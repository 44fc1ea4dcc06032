package volume

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"vigie/internal/atomicfile"
)

// Mode is what xfs_repair is to do.
type Mode int

// The modes. Look changes nothing. Mend repairs what it finds, unless the log holds changes. DropLog mends without the log:
// what the file system did in its last seconds is lost, and recordings may go with it.
const (
	Look Mode = iota
	Mend
	DropLog
)

// Findings is what xfs_repair came to.
type Findings struct {
	Damaged bool // something is wrong, or was
	Log     bool // the log holds changes that were not carried out; it was left as it is
	Count   int
	Lines   []string // what it said of that, the first MostLines
}

// MostLines and MostLine bound what is kept of that: lines, and bytes of each.
const (
	MostLines = 200
	MostLine  = 200
)

// Stage is how far xfs_repair is.
type Stage struct {
	Phase   int // 1 to 7
	Percent int // about: the phases that look at each recording's entry take nearly all the time
}

// phaseEnds is what each phase's end is in percent.
var phaseEnds = [...]int{0, 1, 5, 45, 65, 70, 97, 100}

// Words says a phase to people.
func (s Stage) Words() string {
	return [...]string{
		"starting", "finding the file system", "reading its log and its free space", "looking at each file", "looking for space that is claimed twice",
		"writing its lists anew", "looking at each folder", "counting links",
	}[s.Phase]
}

// ErrHeld is wrapped when a file system is still in use after the time that it was given.
var ErrHeld = errors.New("something still uses the volume")

// Leave unmounts path once nobody has a file open on it, and waits until the kernel has let go of the device. Unlike Unmount
// it never leaves a file system behind that somebody writes to. It gives up after within, and then path is mounted as before.
func Leave(ctx context.Context, node, path string, within time.Duration) error {
	end := time.Now().Add(within)
	again := func(err error) error {
		if time.Now().After(end) {
			return fmt.Errorf("%w: %w", ErrHeld, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
			return nil
		}
	}
	for {
		err := unix.Unmount(path, 0)
		if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break // it is no mount point, or not any more
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
		if err := again(err); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for { // a file system that was detached while files were open lives on in the kernel until they are closed
		f, err := os.OpenFile(node, os.O_RDWR|unix.O_EXCL, 0)
		if err == nil {
			return f.Close()
		}
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := again(err); err != nil {
			return err
		}
	}
}

// Examine runs xfs_repair on the device of an unmounted file system. It takes the processor and the disk only while nobody
// else wants them, and of all processes it is the first to go when memory is short: recording comes first. An error says
// that it could not do its work; what it found then is told as far as it came.
func Examine(ctx context.Context, node string, seq uint64, mode Mode, progress func(Stage)) (Findings, error) {
	held, err := Hold(node, seq)
	if err != nil {
		return Findings{}, err
	}
	defer held.Close()
	args := map[Mode][]string{Look: {"-n"}, Mend: {"-e"}, DropLog: {"-e", "-L"}}[mode]
	cmd := exec.CommandContext(ctx, "xfs_repair", append(args, "-o", "bhash="+strconv.Itoa(hashSize()), node)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Findings{}, err
	}
	cmd.Stderr = cmd.Stdout // it tells both there
	if err := cmd.Start(); err != nil {
		return Findings{}, err
	}
	standBack(cmd.Process.Pid)
	var f Findings
	f.read(out, groups(held), progress)
	return f, f.judge(mode, cmd.Wait())
}

// judge says what the program's end means.
func (f *Findings) judge(mode Mode, end error) error {
	status := 0
	var exit *exec.ExitError
	switch {
	case errors.As(end, &exit):
		status = exit.ExitCode()
	case end != nil:
		return end
	}
	f.Log = f.Log && mode != DropLog
	switch {
	case status == 0:
		return nil
	case mode == Look && status == 1, mode != Look && status == 4:
		f.Damaged = true
		return nil
	case status == 2 && f.Log:
		f.Damaged = true
		return nil
	case status < 0:
		return errors.New("xfs_repair was ended, mostly because memory was short")
	}
	said := "it says nothing"
	if n := len(f.Lines); n > 0 {
		said = f.Lines[n-1]
	}
	return fmt.Errorf("xfs_repair ended with status %d: %s", status, said)
}

// hashSize keeps what xfs_repair caches to about a quarter of the memory that is free: eight blocks an entry, of some 16 KiB
// with all that belongs to them. Left to itself it takes three quarters of what the machine has.
func hashSize() int {
	const entry = 8 * 16 << 10
	var free int64
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if kb, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
				free, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64)
			}
		}
	}
	return int(min(max(free<<10/4/entry, 256), 8192))
}

// standBack gives a process what nobody else wants.
func standBack(pid int) {
	const idleClass, ofProcess = 3 << 13, 1 // ioprio_set(2)
	_ = unix.Setpriority(unix.PRIO_PROCESS, pid, 19)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ofProcess, uintptr(pid), idleClass)
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj"), []byte("1000"), 0)
}

// groups is how many allocation groups the file system says that it has; 0: it says nothing that could be true.
func groups(device io.ReaderAt) int {
	var b [92]byte
	if _, err := device.ReadAt(b[:], 0); err != nil || string(b[:4]) != "XFSB" {
		return 0
	}
	if n := binary.BigEndian.Uint32(b[88:]); n <= 1<<20 {
		return int(n)
	}
	return 0
}

// follow takes a line of progress: a phase, or in some of them a group; it tells whether the line is one.
func (s *Stage) follow(line string, groups int) bool {
	if rest, ok := strings.CutPrefix(line, "Phase "); ok && rest != "" && rest[0] >= '1' && rest[0] <= '7' {
		s.Phase = int(rest[0] - '0')
		s.Percent = max(s.Percent, phaseEnds[s.Phase-1])
		return true
	}
	if n, ok := strings.CutPrefix(line, "- agno = "); ok && s.Phase > 0 && groups > 0 {
		done, err := strconv.Atoi(n)
		if err == nil && done >= 0 && done < groups {
			from, to := phaseEnds[s.Phase-1], phaseEnds[s.Phase]
			s.Percent = max(s.Percent, from+(to-from)*done/groups)
		}
	}
	return strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "No modify flag set") || line == "done" || strings.Trim(line, ".") == ""
}

// aboutLog are the begins of the lines in which it explains what to do about a log that was not carried out. That is told by
// Findings.Log, and is no finding.
var aboutLog = []string{
	"ALERT: The filesystem has valuable metadata changes", "ignored because the -n option", "which may be resolved by first mounting", "destroyed because the -L option",
	"ERROR: The filesystem has valuable metadata changes", "be replayed.  Mount the filesystem", "re-running xfs_repair.  If you are unable", "the -L option to destroy the log",
	"Note that destroying the log", "of the filesystem before doing this",
	"ERROR: The log head and/or tail cannot be discovered", "filesystem to replay the log or use", "attempt a repair.",
}

// read takes what is said, line by line: what is no progress is something that is wrong.
func (f *Findings) read(r io.Reader, groups int, progress func(Stage)) {
	var s Stage
	eachLine(r, func(line string) {
		before := s
		if s.follow(line, groups) {
			if s != before {
				progress(s)
			}
			return
		}
		f.Log = f.Log || strings.Contains(line, "valuable metadata changes in a log") || strings.Contains(line, "cannot find log head/tail")
		if slices.ContainsFunc(aboutLog, func(begin string) bool { return strings.HasPrefix(line, begin) }) {
			return
		}
		f.Count++
		if len(f.Lines) < MostLines {
			f.Lines = append(f.Lines, line)
		}
	})
}

// eachLine calls fn for each line that is not empty, cut to MostLine bytes and made fit for people.
func eachLine(r io.Reader, fn func(string)) {
	b := bufio.NewReaderSize(r, 4096)
	var line []byte
	flush := func() {
		text := strings.Map(func(c rune) rune {
			if !unicode.IsPrint(c) {
				return -1
			}
			return c
		}, strings.ToValidUTF8(string(line), ""))
		if text = strings.TrimSpace(text); text != "" {
			fn(text)
		}
		line = line[:0]
	}
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part[:min(len(part), MostLine-len(line))]...)
		if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
			flush()
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// lostFolder is where a repair puts what has lost its name.
const lostFolder = "lost+found"

// Restore looks after a volume whose identity a repair has lost: its folder gets its name again when the repair has put it
// among what has no names, and else the identity is made anew. A volume with an identity is left for Prepare to judge.
func Restore(path string, who Identity) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(identityFile); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := root.Lstat("vigie"); errors.Is(err, os.ErrNotExist) {
		for _, name := range names(filepath.Join(path, lostFolder)) {
			lost := filepath.Join(lostFolder, name)
			if found, err := readIdentityIn(root, lost); err == nil && found.ID == who.ID {
				return errors.Join(root.Rename(lost, "vigie"), atomicfile.SyncDir(path))
			}
		}
	}
	return makeIdentity(root, path, who)
}

// handedOver is where the engine looks for what a repair has taken the name of: each recording says itself what it was called.
// It is a contract with the engine's package archive.
const handedOver = "vigie/rec/.lost"

// HandOver gives the engine what is its own among what lost its name, and returns how many files and folders that were. It
// says no more than that a user of that number made them: what is a recording, the engine finds out.
func HandOver(path string, owners Owners) (n int, err error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	user := os.Getuid()
	if owners {
		user = engineUser
	}
	for _, name := range names(filepath.Join(path, lostFolder)) {
		from := filepath.Join(lostFolder, name)
		info, err := root.Lstat(from)
		if err != nil {
			return n, err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || int(st.Uid) != user || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		if n == 0 {
			if err := mkdir(root, handedOver, engineUser, group, 0o750, bool(owners)); err != nil {
				return n, err
			}
		}
		to := filepath.Join(handedOver, name)
		for again := 1; ; again++ { // an earlier repair's may be there still: numbers are used again
			if _, err := root.Lstat(to); err != nil {
				break
			}
			to = filepath.Join(handedOver, fmt.Sprintf("%s-%d", name, again))
		}
		if err := root.Rename(from, to); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	return n, errors.Join(atomicfile.SyncDir(filepath.Join(path, handedOver)), atomicfile.SyncDir(filepath.Join(path, lostFolder)))
}

// Strays is how many files and folders a repair has put into lost+found, where they have numbers instead of names.
func Strays(path string) int { return len(names(filepath.Join(path, lostFolder))) }
