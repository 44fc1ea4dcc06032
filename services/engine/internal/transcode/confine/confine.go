// Package confine runs the decoder so that a video which takes it over gains nothing: it computes, reads what it is given
// and writes what it makes, and that is all.
//
// The confined program keeps standard input, output and error and the pipes that it was given. It opens no file, makes no
// socket, and signals no other process; it could execute a program once more, but that would be confined like itself. It
// has no capabilities and gains none, gets a bounded piece of memory, and only the processor time that nobody else wants.
//
// A process confines itself and then becomes the program: Become returns only with an error.
package confine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

const (
	// maxMemory is the address space in bytes. Pictures of 4096 x 2304, and as many more as H.265 may refer to, take a fifth.
	maxMemory = 1536 << 20
	maxFiles  = 16
)

// allowed are the system calls that computing and pipes take; all others fail.
var allowed = []string{
	"read", "readv", "write", "writev", "close", "dup", "fcntl", "fstat", "newfstatat", "lseek", "poll", "ppoll", "select", "pselect6",
	"mmap", "munmap", "mprotect", "mremap", "madvise", "brk",
	"clone", "clone3", "futex", "set_robust_list", "set_tid_address", "rseq", "arch_prctl", "exit", "exit_group",
	"sched_getaffinity", "sched_yield", "getpid", "gettid", "tgkill", "getrusage", "prlimit64", "sysinfo", "uname", "getrandom",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "times",
	"execve",
}

// Become confines this process and executes program, a static binary, with args (its name not among them) and an empty
// environment.
func Become(program string, args []string) error {
	// All this is a thread's: of the one that executes. The Go runtime's others go on unconfined until that ends them; with
	// the filter they would fail in calls that only it makes.
	runtime.LockOSThread()
	// What execve takes is made before memory is limited, and nothing is collected any more: the Go runtime has reserved more
	// addresses than are allowed then, and would die of needing another.
	debug.SetGCPercent(-1)
	path, err := syscall.BytePtrFromString(program)
	if err != nil {
		return fmt.Errorf("execute %s: %w", program, err)
	}
	argv, err := syscall.SlicePtrFromStrings(append([]string{program}, args...))
	if err != nil {
		return fmt.Errorf("execute %s: %w", program, err)
	}
	environment := []*byte{nil}
	memory := &syscall.Rlimit{Cur: maxMemory, Max: maxMemory}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	idle := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
	if err := unix.SchedSetAttr(0, &idle, 0); err != nil {
		return fmt.Errorf("lower priority: %w", err)
	}
	filter := seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls:      []seccomp.SyscallGroup{{Names: allowed, Action: seccomp.ActionAllow}},
	}}
	if err := seccomp.LoadFilter(filter); err != nil {
		return fmt.Errorf("confine to system calls: %w", err)
	}
	for _, l := range []struct {
		resource int
		limit    uint64
	}{{unix.RLIMIT_NOFILE, maxFiles}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, 0}} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.limit, Max: l.limit}); err != nil {
			return fmt.Errorf("limit resource %d: %w", l.resource, err)
		}
	}
	if err := syscall.Setrlimit(unix.RLIMIT_AS, memory); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&environment[0])))
	return fmt.Errorf("execute %s: %w", program, errno)
}
