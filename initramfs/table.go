package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/cgroup"
	"vigie/initramfs/internal/supervise"
	"vigie/internal/initctl"
)

// Users and groups, as in the image's /etc/passwd (DESIGN.md, "Processes").
const (
	uidRoot    = 0
	uidEngine  = 901
	uidWeb     = 902
	uidNTP     = 903
	uidConsole = 904
	uidSSH     = 905
	gidVigie   = 900
)

const (
	program = "/bin/vigie"
	runDir  = "/run/vigie"
)

// serviceTable is every service, in the order in which they start.
//
// The longest stop limits of all levels (stopOrder) together are what services may take of the ten seconds of a shutdown.
func serviceTable() []supervise.Service {
	return []supervise.Service{
		{
			Name: "system", Path: program,
			Args: []string{"system", "-socket", runDir + "/system/api.sock", "-init", initctl.DefaultSocket, "-volumes", "/volumes"},
			UID:  uidRoot, GID: gidVigie,
			// Root over network, clock and file systems, not over the kernel: no modules, no raw memory, no restart.
			Caps: []int{
				unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
				unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE,
				unix.CAP_SYS_ADMIN, unix.CAP_SYS_TIME,
			},
			NoNewPrivs: true, OOMScoreAdj: -900, MaxFiles: 4096,
			RuntimeDir: runDir + "/system", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 200, IOWeight: 200, MaxPIDs: 512},
			StopLimit: 1500 * time.Millisecond,
		},
		{
			Name: "smart", Path: program,
			Args: []string{"smart", "-socket", runDir + "/smart/ask.sock"},
			UID:  uidRoot, GID: gidVigie,
			Caps:       []int{unix.CAP_SYS_RAWIO, unix.CAP_SYS_ADMIN}, // commands to disks, and to NVMe controllers; no network reaches it
			NoNewPrivs: true, OOMScoreAdj: 300, MaxFiles: 1024,
			RuntimeDir: runDir + "/smart", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 50, IOWeight: 50, MaxPIDs: 512},
			StopLimit: 300 * time.Millisecond,
		},
		{
			Name: "raid", Path: program,
			Args: []string{"raid", "-socket", runDir + "/raid/ask.sock"},
			UID:  uidRoot, GID: gidVigie,
			Caps:       []int{unix.CAP_MKNOD, unix.CAP_SYS_ADMIN}, // arrays are configured, by nodes that mdadm makes itself; no network reaches it
			NoNewPrivs: true, OOMScoreAdj: -900, MaxFiles: 1024,
			RuntimeDir: runDir + "/raid", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 100, IOWeight: 100, MaxPIDs: 256},
			StopLimit: 300 * time.Millisecond,
		},
		{
			Name: "engine", Path: program,
			Args: []string{"engine", "-socket", runDir + "/engine/api.sock", "-system", runDir + "/system/api.sock", "-state", runDir + "/engine"},
			UID:  uidEngine, GID: gidVigie,
			Caps:       []int{unix.CAP_NET_BIND_SERVICE}, // the relay's ports, 554 and 322; it listens only when it is switched on
			NoNewPrivs: true, OOMScoreAdj: -800, MaxFiles: 65536,
			RuntimeDir: runDir + "/engine", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 1000, IOWeight: 1000, MaxPIDs: 4096},
			StopLimit: 4 * time.Second, // it has segments to close
			Recording: true, Stoppable: true,
		},
		{
			Name: "web", Path: program,
			Args: []string{"web", "-engine", runDir + "/engine/api.sock", "-system", runDir + "/system/api.sock", "-ntp", runDir + "/ntp/api.sock", "-ssh", runDir + "/ssh/api.sock", "-state", runDir + "/web", "-console", runDir + "/web/console.sock"},
			UID:  uidWeb, GID: gidVigie,
			Caps:       []int{unix.CAP_NET_BIND_SERVICE},
			NoNewPrivs: true, OOMScoreAdj: 300, MaxFiles: 16384,
			RuntimeDir: runDir + "/web", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 100, IOWeight: 100, MaxPIDs: 1024},
			StopLimit: 1500 * time.Millisecond,
		},
		{
			Name: "ntp", Path: program,
			Args: []string{"ntp", "-socket", runDir + "/ntp/api.sock", "-system", runDir + "/system/api.sock"},
			UID:  uidNTP, GID: gidVigie,
			Caps:       []int{unix.CAP_NET_BIND_SERVICE}, // port 123; it listens only when it is switched on
			NoNewPrivs: true, OOMScoreAdj: 300, MaxFiles: 256,
			RuntimeDir: runDir + "/ntp", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 100, IOWeight: 50, MaxPIDs: 128},
			StopLimit: 300 * time.Millisecond,
			Stoppable: true,
		},
		{
			Name: "ssh", Path: program,
			Args: []string{"ssh", "-socket", runDir + "/ssh/api.sock", "-system", runDir + "/system/api.sock", "-web", runDir + "/web/console.sock"},
			UID:  uidSSH, GID: gidVigie,
			Caps:       []int{unix.CAP_NET_BIND_SERVICE}, // port 22; it listens only when it is switched on
			NoNewPrivs: true, OOMScoreAdj: 500, MaxFiles: 512,
			RuntimeDir: runDir + "/ssh", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 50, IOWeight: 50, MaxPIDs: 128},
			StopLimit: 300 * time.Millisecond,
		},
		{
			Name: "shell", Path: program,
			Args: []string{"shell", "-socket", runDir + "/shell/open.sock", "-system", runDir + "/system/api.sock"},
			UID:  uidRoot, GID: gidVigie,
			// A technician's shell, while an administrator permits one: root over disks, files, processes and network. It loads no
			// modules, and does not start the machine again but by way of init.
			Caps: []int{
				unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
				unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE,
				unix.CAP_SYS_ADMIN, unix.CAP_SYS_RAWIO, unix.CAP_MKNOD, unix.CAP_SYS_PTRACE, unix.CAP_SYS_NICE, unix.CAP_SYSLOG,
			},
			NoNewPrivs: true, OOMScoreAdj: 900, MaxFiles: 1024,
			RuntimeDir: runDir + "/shell", RuntimeMode: 0o750,
			Limits:    cgroup.Limits{CPUWeight: 50, IOWeight: 50, MaxPIDs: 256},
			StopLimit: 300 * time.Millisecond,
			OnDemand:  true,
		},
		consoleService("screen", "/dev/tty1", "-screen"),
		consoleService("serial", "/dev/ttyS0"),
	}
}

// rescueTable is what runs in rescue mode: the machine itself, the consoles, and a shell for them, with the right to keep memory
// that it tests. Web has the accounts, and is started when somebody wants to set the administrator's password; the
// engine has the index, and is when somebody wants it built anew.
func rescueTable() []supervise.Service {
	var table []supervise.Service
	for _, s := range serviceTable() {
		switch s.Name {
		case "system", "smart", "raid":
		case "engine":
			s.Args, s.OnDemand, s.Recording = append(s.Args, "-rescue"), true, false
		case "web":
			s.Args, s.OnDemand = append(s.Args, "-rescue"), true
		case "shell":
			s.Args, s.OnDemand = append(s.Args, "-rescue"), false
			s.Caps = append(s.Caps, unix.CAP_IPC_LOCK)
		case "screen", "serial":
			s.Args = append(s.Args, "-shell", runDir+"/shell/open.sock", "-engine", runDir+"/engine/api.sock")
		default:
			continue
		}
		table = append(table, s)
	}
	return table
}

// consoleService is the text console on one terminal. The others start before it: it shows what they say.
func consoleService(name, terminal string, flags ...string) supervise.Service {
	return supervise.Service{
		Name: name, Path: program,
		Args: append([]string{"console", "-terminal", terminal, "-consoles", "/sys/class/tty/console/active", "-lines", linesSocket(name),
			"-system", runDir + "/system/api.sock", "-web", runDir + "/web/console.sock"}, flags...),
		UID: uidConsole, GID: gidVigie,
		Terminal:   terminal,
		NoNewPrivs: true, OOMScoreAdj: 500, MaxFiles: 256,
		RuntimeDir: runDir + "/" + name, RuntimeMode: 0o750,
		Limits:    cgroup.Limits{CPUWeight: 50, IOWeight: 50, MaxPIDs: 64},
		StopLimit: 50 * time.Millisecond, // it has nothing to finish
	}
}

// linesSocket is where the text console of that name takes lines of init's, to show them beside what is being typed.
func linesSocket(name string) string { return runDir + "/" + name + "/lines.sock" }

// stopOrder: what serves people and cameras first, all at once, then recording, then what recording stands on. A service
// that nothing else stands on belongs to the first level, and costs a shutdown no time.
func stopOrder() [][]string {
	return [][]string{{"screen", "serial", "ssh", "web", "ntp", "smart", "raid", "shell"}, {"engine"}, {"system"}}
}

// stopOrderOf leaves out what a table has not.
func stopOrderOf(table []supervise.Service) [][]string {
	var order [][]string
	for _, level := range stopOrder() {
		level = slices.DeleteFunc(level, func(name string) bool {
			return !slices.ContainsFunc(table, func(s supervise.Service) bool { return s.Name == name })
		})
		if len(level) > 0 {
			order = append(order, level)
		}
	}
	return order
}
