package linklocal

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/services/system/internal/netnstest"
)

// TestMain runs the manager itself when the test binary is started inside a namespace.
func TestMain(m *testing.M) {
	if names := os.Getenv("LINKLOCAL_TEST_NICS"); names != "" {
		child(strings.Split(names, ","))
		return
	}
	os.Exit(m.Run())
}

// child wants addresses on its NICs until SIGUSR1 says that none are wanted, or SIGTERM ends it.
func child(names []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	m := New(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	m.wait = time.Millisecond
	var nics []NIC
	for _, name := range names {
		nic, err := net.InterfaceByName(name)
		if err != nil {
			panic(err)
		}
		nics = append(nics, NIC{nic.Index, nic.Name})
	}
	m.Configure(nics)
	better := make(chan os.Signal, 1)
	signal.Notify(better, syscall.SIGUSR1)
	fmt.Println("ready") // for the signal, which is nobody's before
	go func() {
		<-better
		m.Configure(nil)
	}()
	if err := m.Run(ctx); err != nil {
		panic(err)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never: " + what)
}

// TestTwoNICsGetAddressesAndAnswerByThem has a machine with two cables, and a host at the end of each.
func TestTwoNICsGetAddressesAndAnswerByThem(t *testing.T) {
	machine := netnstest.New(t, "ll")
	var hosts []*netnstest.Namespace
	for i := range 2 {
		host, nic := netnstest.New(t, fmt.Sprintf("host%d", i)), fmt.Sprintf("eth%d", i)
		hosts = append(hosts, host)
		netnstest.Wire(t, host, "up0", machine, nic)
		host.Up(t, "up0", "169.254.200.1/16")
		machine.Up(t, nic)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	begin := func() *exec.Cmd {
		cmd := exec.Command("ip", "netns", "exec", machine.Name, self)
		cmd.Env = append(os.Environ(), "LINKLOCAL_TEST_NICS=eth0,eth1")
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("the manager says %q: %v", line, err)
		}
		return cmd
	}
	address := func(nic string) string {
		out := run(t, "ip", "-n", machine.Name, "-4", "-o", "addr", "show", "dev", nic, "scope", "link")
		for _, f := range strings.Fields(out) {
			if a, ok := strings.CutSuffix(f, "/16"); ok {
				return a
			}
		}
		return ""
	}
	cmd := begin()
	until(t, "both NICs have an address", func() bool { return address("eth0") != "" && address("eth1") != "" })
	a, b := address("eth0"), address("eth1")
	for i, target := range []string{a, b} { // both hosts have the same address: only the right NIC leads back
		// nobody listens there, which the machine's kernel says, if both ways lead through
		out, _ := exec.CommandContext(t.Context(), "ip", "netns", "exec", hosts[i].Name, "timeout", "10", "bash", "-c", "exec 3<>/dev/tcp/"+target+"/9").CombinedOutput()
		if !strings.Contains(string(out), "refused") {
			t.Errorf("%s does not answer: %s", target, out)
		}
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if address("eth0") != a || address("eth1") != b {
		t.Error("the addresses went with the service")
	}
	cmd = begin()
	until(t, "the next run has taken the addresses up", func() bool {
		return strings.Count(run(t, "ip", "-n", machine.Name, "rule"), "20169:") == 2 && address("eth0") == a && address("eth1") == b
	})
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	until(t, "the addresses are gone, with their rules", func() bool {
		return address("eth0") == "" && address("eth1") == "" && !strings.Contains(run(t, "ip", "-n", machine.Name, "rule"), "20169:")
	})
}
