package rescue

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/services/system/internal/netnstest"
)

func TestPacketsAreWrittenUntilItIsGivenUp(t *testing.T) {
	here, there := netnstest.New(t, "here"), netnstest.New(t, "there")
	netnstest.Wire(t, here, "eth0", there, "eth1")
	here.Up(t, "eth0", "10.9.0.1/24")
	there.Up(t, "eth1", "10.9.0.2/24")
	var sender net.Conn
	there.Do(t, func() (err error) { sender, err = net.Dial("udp", "10.9.0.1:9"); return err })
	defer sender.Close()
	file := filepath.Join(t.TempDir(), "door.pcap")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			_, _ = sender.Write([]byte("what a camera says")) // refused by ICMP now and then
			if info, err := os.Stat(file); err == nil && info.Size() > 4000 {
				cancel() // Ctrl-C
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	out := &bytes.Buffer{}
	m := &machine{out: out}
	here.Do(t, func() error { return m.run(ctx, []string{"capture", "eth0", file}) })
	packets := command(t, "tcpdump", "-nr", file, "udp dst port 9")
	if n := strings.Count(packets, "UDP, length 18"); n < 10 || !strings.Contains(out.String(), "packets are in the file; 0 came too fast.") {
		t.Errorf("%d packets: %s", n, out)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	here.Do(t, func() error {
		if err := m.run(ctx, []string{"capture", "eth0", file}); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("a file that is there: %v", err)
		}
		if err := m.run(ctx, []string{"capture", "lan1", file + "2"}); err == nil || !strings.Contains(err.Error(), `no network card "lan1"; there are`) || !strings.Contains(err.Error(), "eth0") {
			t.Errorf("a card that is not there: %v", err)
		}
		return nil
	})
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it was written again (%v)", err)
	}
}
