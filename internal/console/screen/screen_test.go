package screen

import (
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/services/web/webapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

const fingerprint = "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"

func full() machine.State {
	return machine.State{
		System: &api.Status{
			Version: "1.0", Hostname: "gate", StorageSettled: true, LocalName: "gate.local",
			Clock: api.Clock{Status: api.ClockStatusSynchronised, Server: "10.77.0.1", NowMs: 1795701000000, TimeZone: "Europe/Paris"},
			Disks: []api.Disk{
				{Serial: "DATA0", SizeBytes: 4_000_787_030_016, Use: api.DiskUseVolume, Volume: "u1"},
				{Serial: "WD\x1b[2J-Ünicode", SizeBytes: 500_107_862_016, Use: api.DiskUseBlank},
			},
			Volumes:  []api.Volume{{ID: "u1", Name: "DATA0", Status: api.VolumeStatusMounted}},
			Services: []api.Service{{Name: "engine", Status: api.ServiceStatusReady}, {Name: "web", Status: api.ServiceStatusReady}, {Name: "shell", Status: api.ServiceStatusStopped, OnDemand: true}},
		},
		Web: &webapi.Console{
			Opened: true, URLs: []string{"https://10.77.0.100/", "https://gate.local/"}, Fingerprint: fingerprint, SetupCode: "K3F9-0V1B",
			Cameras: &webapi.Cameras{Total: 5, Enabled: 4, Live: 4, Recording: 3}, Warnings: []string{"Volume DATA0 is nearly full: the oldest recordings are being deleted before their time."},
		},
	}
}

func TestStatusSaysWhatIsKnownAndNoMore(t *testing.T) {
	reset, starting, alone := full(), full(), full()
	reset.Web.SetupCode, reset.Web.Reset, reset.Web.Warnings = "", &webapi.Reset{Username: "owner", Code: "ABCD-EFGH"}, nil
	starting.Web.Opened, starting.Web.Cameras = false, nil
	starting.System.Disks, starting.System.Clock.Status = nil, api.ClockStatusWaiting
	starting.System.Services[0].Status = api.ServiceStatusStarting
	alone.Web.URLs = nil
	var b strings.Builder
	for _, c := range []struct {
		name  string
		s     machine.State
		width int
	}{
		{"all, beside a code", full(), 52}, {"all", full(), 79}, {"a reset", reset, 79}, {"starting", starting, 79},
		{"no address", alone, 79}, {"nobody answers", machine.State{}, 79},
	} {
		fmt.Fprintf(&b, "== %s\n", c.name)
		lines := Status(c.s, c.width)
		if len(lines) > 18 {
			t.Errorf("%s: %d lines leave no room for the menu", c.name, len(lines))
		}
		for _, l := range lines {
			if len(l) > c.width || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: not fit for a plain terminal: %q", c.name, l)
			}
			b.WriteString(l + "\n")
		}
	}
	golden := filepath.Join("testdata", "status.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestDisksFitOnAPlainTerminal(t *testing.T) {
	s := full().System
	s.Disks[0].Model, s.Disks[0].Slot, s.Disks[0].Bus = "WDC WD40EFRX-68N32N0", "PCI 0000:00:02.0", "sata"
	s.Disks[0].Contents = `GPT partition table, ISO 9660 file system "VIGIE", 3 partitions: ISO 9660 file system "VIGIE", FAT file system "VIGIE-EFI"`
	s.Disks[0].Health = api.DiskHealth{Status: api.DiskHealthStatusFailing, Reasons: []string{"12 sectors could not be read, and were not replaced.", "Replace the disk."}}
	lines := Disks(s)
	for _, l := range lines {
		if len(l) >= Columns {
			t.Errorf("too long for a line: %q", l)
		}
	}
	if got := strings.Join(lines, "\n"); !strings.HasPrefix(got, "DATA0                   4.0 TB  volume\n    WDC WD40EFRX-68N32N0 (PCI 0000:00:02.0, sata)\n    GPT ") || !strings.Contains(got, "    health: failing. 12 sectors") {
		t.Error(got)
	}
}

// draw paints what a terminal shows of the lines: white where a cell is lit.
func draw(t *testing.T, lines []string, cellW, cellH int) string {
	t.Helper()
	const border = 8 // black, as the rest of a screen
	img := image.NewGray(image.Rect(0, 0, 80*cellW+2*border, len(lines)*cellH+2*border))
	for y, l := range lines {
		x, back := 0, false
		for l != "" {
			if rest, ok := strings.CutPrefix(l, reversed); ok {
				back, l = true, rest
				continue
			}
			if rest, ok := strings.CutPrefix(l, onBlack); ok {
				back, l = false, rest
				continue
			}
			if rest, ok := strings.CutPrefix(l, normal); ok {
				back, l = false, rest
				continue
			}
			r := []rune(l)[0]
			l = l[len(string(r)):]
			for py := range cellH {
				lit := back
				switch r {
				case '█':
					lit = true
				case '▀':
					lit = py < cellH/2
				case '▄':
					lit = py >= cellH/2
				case ' ':
				default:
					t.Fatalf("unexpected %q", r)
				}
				if lit {
					for px := range cellW {
						img.SetGray(border+x*cellW+px, border+y*cellH+py, color.Gray{0xaa})
					}
				}
			}
			x++
		}
	}
	file := filepath.Join(t.TempDir(), "code.png")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCodesAreReadByAScanner(t *testing.T) {
	for _, c := range []struct {
		url        string
		margin     int
		maxModules int
		cellW      int
	}{
		{"https://10.77.0.100", 1, 23, 8},
		{"https://192.168.122.250/", 1, 23, 8},
		{"https://vigie-4k7x.local/", 2, 25, 9},
		{"https://[2001:db8:1234:5678:9abc:def0:1234:5678]/", 4, 41, 9},
	} {
		code, err := NewCode(c.url, c.margin)
		if err != nil {
			t.Fatal(err)
		}
		if code.Modules() > c.maxModules {
			t.Errorf("%s: %d modules, want %d at most", c.url, code.Modules(), c.maxModules)
		}
		for kind, lines := range map[string][]string{"spaces": code.Spaces(), "blocks": code.Blocks()} {
			out, err := exec.CommandContext(t.Context(), "zbarimg", "-q", "--raw", draw(t, lines, c.cellW, 16)).Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != strings.ToUpper(c.url) {
				t.Errorf("%s in %s is read as %q, %v", c.url, kind, got, err)
			}
		}
	}
	code, err := NewCode("https://192.168.122.250/", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range code.Spaces() {
		for _, s := range []string{onBlack, reversed, normal} {
			l = strings.ReplaceAll(l, s, "")
		}
		if l != strings.Repeat(" ", 46) {
			t.Errorf("not plain: %q", l)
		}
	}
}

func TestAnAddressThatNoCodeHoldsIsRefused(t *testing.T) {
	if _, err := NewCode(strings.Repeat("x", 5000), 1); err == nil {
		t.Error("accepted")
	}
}

func TestWrapBreaksAtSpacesAndLongWords(t *testing.T) {
	got := strings.Join(Wrap("a bb ccc dddddddddd e", 4), "|")
	if want := "a bb|ccc|dddd|dddd|dd e"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
