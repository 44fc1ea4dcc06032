// Package launch is the last step before a service: a process, already forked and in its control group, gives up what
// the service must not have and becomes it.
//
// Go cannot run code between fork and exec, so init starts itself again under the name Name with a Spec as its one
// argument; Main applies that and execs the program. Everything given up is given up for good: capabilities leave the
// bounding set, and no set-uid program or file capability brings any back.
//
// Main works on one locked thread and never returns but on failure; it must start nothing.
package launch

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Name is argv[0] of the process that Main is for.
const Name = "vigie-launch"

// Spec is what the service is and what it may.
type Spec struct {
	Path string   `json:"path"`
	Args []string `json:"args"` // with the program's name
	Env  []string `json:"env"`
	Dir  string   `json:"dir"`
	UID  int      `json:"uid"`
	GID  int      `json:"gid"`
	// Caps are the capabilities it keeps: all that root has then, and ambient for others.
	Caps        []int `json:"caps"`
	NoNewPrivs  bool  `json:"noNewPrivs"`
	OOMScoreAdj int   `json:"oomScoreAdj"` // from -1000 (never killed for memory) to 1000
	MaxFiles    int   `json:"maxFiles"`
}

// Argv is the command line that makes init become the service.
func (s Spec) Argv() ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	return []string{Name, string(text)}, nil
}

// Main becomes the service of the Spec in args. When it returns, it has failed.
func Main(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("launch: %d arguments", len(args))
	}
	var s Spec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return fmt.Errorf("launch: %w", err)
	}
	runtime.LockOSThread() // what is set below is the thread's that execs
	if err := s.apply(); err != nil {
		return fmt.Errorf("launch %s: %w", s.Path, err)
	}
	return fmt.Errorf("launch %s: %w", s.Path, syscall.Exec(s.Path, s.Args, s.Env))
}

func (s Spec) apply() error {
	unix.Umask(0o022)
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(s.OOMScoreAdj)), 0); err != nil {
		return err
	}
	if s.MaxFiles > 0 {
		limit := syscall.Rlimit{Cur: uint64(s.MaxFiles), Max: uint64(s.MaxFiles)}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("limit of open files: %w", err)
		}
	}
	if s.Dir != "" {
		if err := os.Chdir(s.Dir); err != nil {
			return err
		}
	}
	if err := s.dropBounding(); err != nil {
		return err
	}
	if err := s.becomeUser(); err != nil {
		return err
	}
	if s.NoNewPrivs {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
	}
	return nil
}

func (s Spec) keeps(c int) bool {
	for _, k := range s.Caps {
		if k == c {
			return true
		}
	}
	return false
}

func (s Spec) dropBounding() error {
	for c := 0; ; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err == unix.EINVAL {
			return nil // beyond the last
		}
		if err != nil {
			return fmt.Errorf("capability %d: %w", c, err)
		}
		if has == 0 || s.keeps(c) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
}

// becomeUser changes the ids of this thread alone, by bare system calls: it is the only one that lives on.
func (s Spec) becomeUser() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("set groups: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(s.GID), uintptr(s.GID), uintptr(s.GID)); errno != 0 {
		return fmt.Errorf("set group %d: %w", s.GID, errno)
	}
	if s.UID != 0 {
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("keep capabilities: %w", err)
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(s.UID), uintptr(s.UID), uintptr(s.UID)); errno != 0 {
			return fmt.Errorf("set user %d: %w", s.UID, errno)
		}
	}
	var data [2]unix.CapUserData
	for _, c := range s.Caps {
		bit := uint32(1) << (c % 32)
		data[c/32].Effective |= bit
		data[c/32].Permitted |= bit
		if s.UID != 0 {
			data[c/32].Inheritable |= bit
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	if s.UID == 0 {
		return nil // root's programs get what is permitted without help
	}
	for _, c := range s.Caps {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return fmt.Errorf("ambient capability %d: %w", c, err)
		}
	}
	return nil
}

// MakeRuntimeDir makes a service's folder below /run, or corrects its owner and mode.
func MakeRuntimeDir(dir string, uid, gid int, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("runtime folder: %w", err)
	}
	if err := os.Mkdir(dir, mode); err != nil && !os.IsExist(err) {
		return fmt.Errorf("runtime folder: %w", err)
	}
	// Not through a link: nobody but root may write above, but a mistake here would give a folder away.
	if err := os.Lchown(dir, uid, gid); err != nil {
		return fmt.Errorf("runtime folder: %w", err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		return fmt.Errorf("runtime folder: %w", err)
	}
	return nil
}

// GiveTerminal makes a terminal device a user's own, and nobody else's but root's. Whatever is there that is no character
// device is left alone.
func GiveTerminal(device string, uid int) error {
	info, err := os.Lstat(device)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	if info.Mode()&fs.ModeCharDevice == 0 {
		return fmt.Errorf("terminal: %s is no character device", device)
	}
	if err := os.Lchown(device, uid, 0); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	if err := os.Chmod(device, 0o600); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// Environment is the base that every service gets, with what the table adds; the table wins.
func Environment(runtimeDir string, extra []string) []string {
	base := map[string]string{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": runtimeDir, "LANG": "C.UTF-8", "TZ": "UTC"}
	var env []string
	for _, key := range []string{"PATH", "HOME", "LANG", "TZ"} {
		overridden := false
		for _, e := range extra {
			overridden = overridden || strings.HasPrefix(e, key+"=")
		}
		if !overridden {
			env = append(env, key+"="+base[key])
		}
	}
	return append(env, extra...)
}
