// Package resolvconf writes the file that tells every program which DNS servers to ask (resolv.conf(5)). It owns the
// file: whatever else wrote there is replaced.
package resolvconf

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"vigie/internal/atomicfile"
)

// maxServers is how many servers resolvers look at.
const maxServers = 3

// Format is the content of the file. Servers beyond the third would not be asked and are left out.
func Format(servers []netip.Addr, search []string) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by vigie system.\n")
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	for _, s := range servers[:min(len(servers), maxServers)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return b.Bytes()
}

// Write replaces the file at once.
func Write(path string, servers []netip.Addr, search []string) error {
	return atomicfile.Write(path, Format(servers, search), 0o644)
}

// Servers reads the servers out of a file's content.
func Servers(r io.Reader) []string {
	out := []string{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) >= 2 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				out = append(out, a.String())
			}
		}
	}
	return out
}
