package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Args[0] == Name {
		fmt.Fprintln(os.Stderr, Main(os.Args[1:]))
		os.Exit(70)
	}
	os.Exit(m.Run())
}

// run launches a program by a Spec, through a process of its own as init does, and returns what it says.
func run(t *testing.T, s Spec) (string, error) {
	t.Helper()
	argv, err := s.Argv()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: argv, Env: []string{"SECRET=of-init"}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const report = `grep -E '^(Uid|Gid|Groups|NoNewPrivs|Cap)' /proc/self/status; cat /proc/self/oom_score_adj; ulimit -n; pwd; env`

func TestServiceGetsWhatItsSpecSaysAndNoMore(t *testing.T) {
	bind := fmt.Sprintf("%016x", 1<<unix.CAP_NET_BIND_SERVICE)
	admin := fmt.Sprintf("%016x", 1<<unix.CAP_NET_ADMIN|1<<unix.CAP_SYS_TIME)
	none := strings.Repeat("0", 16)
	for _, c := range []struct {
		name string
		spec Spec
		want []string
	}{
		{
			name: "unprivileged with one capability",
			spec: Spec{UID: 902, GID: 900, Caps: []int{unix.CAP_NET_BIND_SERVICE}, NoNewPrivs: true, OOMScoreAdj: 300, MaxFiles: 1024, Dir: "/"},
			want: []string{
				"Uid:\t902\t902\t902\t902", "Gid:\t900\t900\t900\t900", "Groups:\t", "NoNewPrivs:\t1",
				"CapInh:\t" + bind, "CapPrm:\t" + bind, "CapEff:\t" + bind, "CapBnd:\t" + bind, "CapAmb:\t" + bind, "300", "1024", "/", "A=b",
			},
		},
		{
			name: "unprivileged without any",
			spec: Spec{UID: 901, GID: 900, NoNewPrivs: true},
			want: []string{"Uid:\t901\t901\t901\t901", "CapInh:\t" + none, "CapPrm:\t" + none, "CapEff:\t" + none, "CapBnd:\t" + none, "CapAmb:\t" + none},
		},
		{
			name: "root with two, also after another exec",
			spec: Spec{UID: 0, GID: 900, Caps: []int{unix.CAP_NET_ADMIN, unix.CAP_SYS_TIME}, NoNewPrivs: true, OOMScoreAdj: 10},
			want: []string{"Uid:\t0\t0\t0\t0", "Gid:\t900\t900\t900\t900", "NoNewPrivs:\t1", "CapPrm:\t" + admin, "CapEff:\t" + admin, "CapBnd:\t" + admin, "10"},
		},
	} {
		c.spec.Path, c.spec.Args, c.spec.Env = "/bin/sh", []string{"sh", "-c", report}, []string{"A=b", "PATH=/usr/bin:/bin"}
		out, err := run(t, c.spec)
		if err != nil {
			t.Errorf("%s: %v: %s", c.name, err, out)
			continue
		}
		lines := strings.Split(out, "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		for _, want := range c.want {
			if !slices.Contains(lines, want) && !slices.Contains(lines, strings.TrimSpace(want)) {
				t.Errorf("%s: no line %q in\n%s", c.name, want, out)
			}
		}
		if strings.Contains(out, "SECRET") {
			t.Errorf("%s: init's environment got through", c.name)
		}
	}
}

func TestLaunchSaysWhatFailed(t *testing.T) {
	out, err := run(t, Spec{Path: "/no/such/service", Args: []string{"x"}})
	if err == nil || !strings.Contains(out, "launch /no/such/service: no such file or directory") {
		t.Errorf("%v, %q", err, out)
	}
	out, err = run(t, Spec{Path: "/bin/true", Args: []string{"x"}, Dir: "/no/such/folder"})
	if err == nil || !strings.Contains(out, "/no/such/folder") {
		t.Errorf("%v, %q", err, out)
	}
	for _, args := range [][]string{nil, {"{"}, {"{}", "{}"}} {
		if Main(args) == nil {
			t.Errorf("%q accepted", args)
		}
	}
}

func TestRuntimeDirIsPutRight(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vigie", "web")
	for range 2 {
		if err := MakeRuntimeDir(dir, 902, 900, 0o750); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Lstat(dir, &st); err != nil || st.Uid != 902 || st.Gid != 900 || st.Mode&0o7777 != 0o750 {
			t.Errorf("%+v, %v", st, err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := Environment("/run/x", []string{"TZ=Europe/Paris", "A=b"})
	if want := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/run/x", "LANG=C.UTF-8", "TZ=Europe/Paris", "A=b"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
