// Package chronytest runs chrony for tests, as a server or a client of the time that somebody else wrote. It leaves the
// machine's clock alone.
package chronytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Start runs chronyd with lines of configuration until the test ends, and returns the socket at which chronyc asks it.
func Start(tb testing.TB, config string) (socket string) {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil { // it makes its socket in no folder that others can look into
		tb.Fatal(err)
	}
	socket = filepath.Join(dir, "c.sock")
	file := filepath.Join(dir, "chrony.conf")
	config += fmt.Sprintf("\ncmdport 0\nbindcmdaddress %s\npidfile %s/pid\n", socket, dir)
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		tb.Fatal(err)
	}
	c := exec.Command("chronyd", "-x", "-d", "-u", "root", "-f", file)
	c.Stderr = tb.Output()
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	return socket
}
