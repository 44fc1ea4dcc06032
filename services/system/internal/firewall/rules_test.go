package firewall

import (
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/services/system/internal/netnstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// divided is a machine between two worlds.
func divided() Config {
	return Config{
		Interfaces: []Interface{
			{"lan1", Office, []netip.Prefix{prefix("10.1.0.0/24"), prefix("fd01::/64"), prefix("fe80::/64")}},
			{"lan2", Cameras, []netip.Prefix{prefix("10.2.0.0/24"), prefix("fd02::/64"), prefix("fe80::/64")}},
		},
		Openings: []Opening{{TCP, 443, 443, Office}, {UDP, 56000, 56099, Office}, {UDP, 123, 123, Cameras}},
	}
}

func undivided() Config {
	return Config{Interfaces: []Interface{{"lan1", Both, []netip.Prefix{prefix("10.1.0.0/24")}}, {"lan2", Both, []netip.Prefix{prefix("10.1.0.0/16")}}}, Openings: divided().Openings}
}

// TestRulesAreWhatNftReads holds the rules that the kernel has against text that people can check, as nft(8) tells it.
func TestRulesAreWhatNftReads(t *testing.T) {
	for name, c := range map[string]Config{"divided": divided(), "undivided": undivided()} {
		t.Run(name, func(t *testing.T) {
			ns := netnstest.New(t, "rules")
			ns.Do(t, func() error {
				table, err := NewTable()
				if err != nil {
					return err
				}
				_, err = table.Apply(Rules(c))
				return err
			})
			out, err := exec.Command("ip", "netns", "exec", ns.Name, "nft", "list", "ruleset").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			golden := filepath.Join("testdata", name+".nft")
			if *update {
				if err := os.WriteFile(golden, out, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(out), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
