package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/supervise"
	kernelconfig "vigie/kernel-config"
)

func TestServicesAreConfined(t *testing.T) {
	weights := map[string]int{}
	var names []string
	for _, s := range serviceTable() {
		names = append(names, s.Name)
		weights[s.Name] = s.Limits.IOWeight
		if !s.NoNewPrivs || s.GID != gidVigie || s.MaxFiles == 0 || s.Limits.MaxPIDs == 0 || s.RuntimeMode != 0o750 || s.RuntimeDir != runDir+"/"+s.Name {
			t.Errorf("%s: %+v", s.Name, s)
		}
		if s.Limits.CPUWeight < 1 || s.Limits.CPUWeight > 10000 || s.Limits.IOWeight < 1 || s.Limits.IOWeight > 10000 {
			t.Errorf("%s: weights %+v", s.Name, s.Limits)
		}
		for _, c := range []int{unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYS_PTRACE, unix.CAP_SYS_BOOT, unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_MKNOD} {
			if s.Name == "shell" && !slices.Contains([]int{unix.CAP_SYS_MODULE, unix.CAP_SYS_BOOT, unix.CAP_SETUID, unix.CAP_SETPCAP}, c) {
				continue // a person with the machine's disks and processes in hand
			}
			if slices.Contains(s.Caps, c) && !(s.Name == "smart" && c == unix.CAP_SYS_RAWIO) && !(s.Name == "raid" && c == unix.CAP_MKNOD) { // commands to disks; mdadm's own nodes
				t.Errorf("%s has capability %d", s.Name, c)
			}
		}
		switch {
		case s.Name == "system":
		case s.Name == "shell" && s.OnDemand: // there is none until somebody permits it
		case s.Name == "smart" && slices.Equal(s.Caps, []int{unix.CAP_SYS_RAWIO, unix.CAP_SYS_ADMIN}):
		case s.Name == "raid" && slices.Equal(s.Caps, []int{unix.CAP_MKNOD, unix.CAP_SYS_ADMIN}):
		case s.UID == uidRoot:
			t.Errorf("%s runs as root", s.Name)
		case s.UID == uidConsole && len(s.Caps) == 0 && s.Terminal != "":
		case !slices.Equal(s.Caps, []int{unix.CAP_NET_BIND_SERVICE}):
			t.Errorf("%s has capabilities %v", s.Name, s.Caps)
		}
		if s.OnDemand != (s.Name == "shell") {
			t.Errorf("%s: on demand %v", s.Name, s.OnDemand)
		}
		if s.Recording != (s.Name == "engine") {
			t.Errorf("%s: recording %v", s.Name, s.Recording)
		}
	}
	if want := []string{"system", "smart", "raid", "engine", "web", "ntp", "ssh", "shell", "screen", "serial"}; !slices.Equal(names, want) {
		t.Errorf("start order %q", names)
	}
	for i, name := range []string{"web", "engine", "system"} { // viewers, then recording, then what it stands on
		if order := stopOrder(); len(order) != 3 || !slices.Contains(order[i], name) {
			t.Errorf("stop order %q", order)
		}
	}
	if stopped := slices.Concat(stopOrder()...); !slices.Equal(slices.Sorted(slices.Values(stopped)), slices.Sorted(slices.Values(names))) {
		t.Errorf("stopped are %q, started %q", stopped, names)
	}
	if weights["engine"] <= weights["system"] || weights["system"] <= weights["web"] {
		t.Errorf("weights %v", weights)
	}
}

func TestAShutdownFitsIntoTenSeconds(t *testing.T) {
	var services time.Duration
	for _, level := range stopOrder() {
		var longest time.Duration
		for _, s := range serviceTable() {
			if slices.Contains(level, s.Name) {
				longest = max(longest, s.StopLimit)
			}
		}
		services += longest
	}
	if services >= servicesLimit {
		t.Errorf("services may take %v, the limit is %v", services, servicesLimit)
	}
	if servicesLimit+killLimit+time.Second > unmountBy {
		t.Error("less than a second is left for unmounting")
	}
	if unmountBy >= atLatest || atLatest >= 10*time.Second {
		t.Errorf("unmounting by %v, at latest %v", unmountBy, atLatest)
	}
}

func TestTheFiltersModulesAreInTheImage(t *testing.T) {
	list, err := kernelconfig.Modules("network")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range filters() {
		if !slices.Contains(list, name) {
			t.Errorf("%s is not carried", name)
		}
	}
}

// TestInRescueModeOnlyWhatMendsRuns: nothing records or listens to a network, and a shell for the consoles alone.
func TestInRescueModeOnlyWhatMendsRuns(t *testing.T) {
	usual := map[string]supervise.Service{}
	for _, s := range serviceTable() {
		usual[s.Name] = s
	}
	starts := map[string]bool{}
	table := rescueTable()
	for _, s := range table {
		starts[s.Name] = !s.OnDemand
		was, known := usual[s.Name]
		if !known || s.UID != was.UID || s.Recording || len(s.Args) < len(was.Args) || !slices.Equal(s.Args[:len(was.Args)], was.Args) {
			t.Errorf("%s: %+v", s.Name, s)
		}
		switch flags := s.Args[len(was.Args):]; s.Name {
		case "web", "shell", "engine":
			if !slices.Equal(flags, []string{"-rescue"}) {
				t.Errorf("%s is started with %q", s.Name, flags)
			}
		case "screen", "serial":
			if !slices.Equal(flags, []string{"-shell", usual["shell"].RuntimeDir + "/open.sock", "-engine", usual["engine"].RuntimeDir + "/api.sock"}) {
				t.Errorf("%s is started with %q", s.Name, flags)
			}
		}
		if more := slices.DeleteFunc(slices.Clone(s.Caps), func(c int) bool { return slices.Contains(was.Caps, c) }); len(more) > 0 && !(s.Name == "shell" && slices.Equal(more, []int{unix.CAP_IPC_LOCK})) {
			t.Errorf("%s has capabilities %v besides", s.Name, more)
		}
	}
	want := map[string]bool{"system": true, "smart": true, "raid": true, "shell": true, "screen": true, "serial": true, "web": false, "engine": false}
	if !maps.Equal(starts, want) {
		t.Errorf("started are %v", starts)
	}
	var stopped []string
	for _, level := range stopOrderOf(table) {
		stopped = append(stopped, level...)
	}
	if !slices.Equal(slices.Sorted(slices.Values(stopped)), slices.Sorted(maps.Keys(want))) || stopped[len(stopped)-1] != "system" {
		t.Errorf("stop order %q", stopped)
	}
	for _, s := range serviceTable() { // the two tables share nothing that one could spoil
		if slices.Contains(s.Args, "-rescue") || slices.Contains(s.Caps, unix.CAP_IPC_LOCK) || s.OnDemand != (s.Name == "shell") {
			t.Errorf("the usual table has %+v", s)
		}
	}
}
