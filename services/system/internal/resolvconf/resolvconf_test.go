package resolvconf

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWriteIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	var servers []netip.Addr
	for _, s := range []string{"192.0.2.1", "2001:db8::1", "192.0.2.3", "192.0.2.4"} {
		servers = append(servers, netip.MustParseAddr(s))
	}
	if err := Write(path, servers, []string{"example.org", "lan"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	want := "# Written by vigie system.\nsearch example.org lan\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.3\n"
	if err != nil || string(b) != want {
		t.Errorf("got %q, %v", b, err)
	}
	if got := Servers(bytes.NewReader(b)); !slices.Equal(got, []string{"192.0.2.1", "2001:db8::1", "192.0.2.3"}) {
		t.Errorf("read %v", got)
	}
	if got := Servers(bytes.NewReader([]byte("nameserver\nnameserver x\n; nameserver 1.2.3.4\n"))); len(got) != 0 {
		t.Errorf("read %v", got)
	}
}
