package bootopt

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var lines = []struct {
	line string
	want []Param
}{
	{"", nil},
	{" \t\n", nil},
	{"quiet ro\n", []Param{{"quiet", ""}, {"ro", ""}}},
	{"a=b  c=d=e", []Param{{"a", "b"}, {"c", "d=e"}}},
	{`vigie.hostname="front door" x`, []Param{{"vigie.hostname", "front door"}, {"x", ""}}},
	{`"a.b=c d" x`, []Param{{"a.b", "c d"}, {"x", ""}}},
	{`a=b" "c`, []Param{{"a", `b" "c`}}},
	{`a="b`, []Param{{"a", "b"}}},
	{`a="" b=`, []Param{{"a", ""}, {"b", ""}}},
	{`"`, []Param{{"", ""}}},
	{`=x y`, []Param{{"=x", ""}, {"y", ""}}},
	{`a=1 -- b=2`, []Param{{"a", "1"}}},
	{`dyndbg="file a.c +p" z="`, []Param{{"dyndbg", "file a.c +p"}, {"z", ""}}},
}

func TestParseCommandLineQuotesAsTheKernelDoes(t *testing.T) {
	for _, c := range lines {
		if diff := cmp.Diff(c.want, ParseCommandLine(c.line)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.line, diff)
		}
	}
}

func FuzzParseCommandLine(f *testing.F) {
	for _, c := range lines {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		length := 0
		for _, p := range ParseCommandLine(line) {
			length += len(p.Key) + len(p.Value)
		}
		if length > len(line) {
			t.Errorf("%q: %d bytes came out", line, length)
		}
		// One more word in front, and nothing else, changes nothing of the rest.
		after := ParseCommandLine("first " + line)
		if len(after) == 0 || !slices.Equal(after[1:], ParseCommandLine(line)) {
			t.Errorf("%q: %q", line, after)
		}
		New(ParseCommandLine(line), []string{line})
	})
}

// structure builds an SMBIOS type 11 structure.
func structure(strs ...string) []byte {
	raw := []byte{11, 5, 0x0e, 0x00, byte(len(strs))}
	for _, s := range strs {
		raw = append(append(raw, s...), 0)
	}
	return append(raw, 0)
}

var structures = []struct {
	name string
	raw  []byte
	want []string
	bad  bool
}{
	{name: "two", raw: structure("vigie.format=blank", "other"), want: []string{"vigie.format=blank", "other"}},
	{name: "none", raw: append(structure(), 0)},
	{name: "longer header", raw: []byte{11, 7, 0, 0, 1, 9, 9, 'a', 0, 0}, want: []string{"a"}},
	{name: "count beyond the end", raw: []byte{11, 5, 0, 0, 3, 'a', 0, 'b'}, want: []string{"a"}, bad: true},
	{name: "count below", raw: []byte{11, 5, 0, 0, 1, 'a', 0, 'b', 0, 0}, want: []string{"a"}},
	{name: "empty", bad: true},
	{name: "wrong type", raw: []byte{12, 5, 0, 0, 0, 0, 0}, bad: true},
	{name: "length too small", raw: []byte{11, 4, 0, 0, 0, 0, 0}, bad: true},
	{name: "length too large", raw: []byte{11, 255, 0, 0, 0, 0, 0}, bad: true},
}

func TestParseOEMStrings(t *testing.T) {
	for _, c := range structures {
		got, err := ParseOEMStrings(c.raw)
		if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.bad {
			t.Errorf("%s: error %v (-want +got)\n%s", c.name, err, diff)
		}
	}
}

func FuzzParseOEMStrings(f *testing.F) {
	for _, c := range structures {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		strs, err := ParseOEMStrings(raw)
		if err != nil {
			return
		}
		for _, s := range strs {
			if strings.ContainsRune(s, 0) {
				t.Errorf("%x: string %q", raw, s)
			}
		}
		New(nil, strs)
	})
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
		oem  []string
		want Options
	}{
		{name: "nothing", line: "quiet console=ttyS0", oem: []string{"", "Dell System"}},
		{
			name: "all of them",
			line: "vigie.format=blank vigie.ntp=10.0.0.1,fd00::1,time.lan vigie.hostname=door-1.lan vigie.watchdog=off",
			want: Options{FormatBlank: true, NTPServers: []string{"10.0.0.1", "fd00::1", "time.lan"}, Hostname: "door-1.lan", WatchdogOff: true},
		},
		{name: "from SMBIOS", oem: []string{"x", "vigie.format=blank"}, want: Options{FormatBlank: true}},
		{
			name: "a name that the kernel does not take", line: "vigie.hostname=" + strings.Repeat("a.", 32) + "b",
			want: Options{Warnings: []string{
				`Boot option "vigie.hostname" is ignored: "` + strings.Repeat("a.", 32) + `…" is no host name (letters, digits, hyphens and dots, 63 at most).`,
			}},
		},
		{name: "of an installed machine", line: "vigie.slot=b vigie.system=01020304-0506-4708-8900-000000000001",
			want: Options{Slot: "b", System: "01020304-0506-4708-8900-000000000001"}},
		{name: "no slot, no disk", line: "vigie.slot=c vigie.system=1", want: Options{Warnings: []string{
			`Boot option "vigie.slot" is ignored: "c" is not known, only "a" and "b" are.`, `Boot option "vigie.system" is ignored: "1" is no disk's id.`}}},
		{name: "rescue", line: "vigie.rescue=on", want: Options{Rescue: true}},
		{name: "rescue is switched off", line: "vigie.rescue=off", oem: []string{"vigie.rescue=on"}},
		{name: "the network, once", line: "vigie.reset=network", want: Options{ResetNetwork: true}},
		{name: "the network, at each start", oem: []string{"vigie.reset=network"}, want: Options{Warnings: []string{
			`Boot option "vigie.reset" is ignored: it counts on the kernel's command line alone, where it is for one start.`}}},
		{name: "neither", line: "vigie.rescue=1 vigie.reset=all", want: Options{Warnings: []string{
			`Boot option "vigie.rescue" is ignored: "1" is not known, only "off" and "on" are.`, `Boot option "vigie.reset" is ignored: "all" is not known, only "network" is.`}}},
		{name: "an answer file", line: "quiet", oem: []string{"vigie.answer=eyJ2ZXJzaW9uIjoxfQ=="}, want: Options{Answer: []byte(`{"version":1}`)}},
		{name: "an answer file that the kernel logs", line: "vigie.answer=eyJ2ZXJzaW9uIjoxfQ==", want: Options{Answer: []byte(`{"version":1}`), AnswerLogged: true}},
		{name: "a large answer file", oem: []string{"vigie.answer=" + strings.Repeat("QUFB", 5461)}, want: Options{Answer: bytes.Repeat([]byte("A"), 3*5461)}},
		{name: "no answer file", line: "vigie.answer=geheim!", want: Options{AnswerLogged: true, Warnings: []string{`Boot option "vigie.answer" is ignored: its value is not a file in base64.`}}},
		{name: "too large an answer file", oem: []string{"vigie.answer=" + strings.Repeat("QUFB", 6000)}, want: Options{Warnings: []string{`Boot option "vigie.answer" is ignored: its value is longer than 22528 bytes.`}}},
		{name: "command line wins", line: "vigie.hostname=b", oem: []string{"vigie.hostname=a"}, want: Options{Hostname: "b"}},
		{name: "later wins", line: "vigie.watchdog=off vigie.watchdog=on"},
		{
			name: "faults are named and change nothing",
			line: `vigie.format=all vigie.ntp=a,,b vigie.hostname="a b" vigie.watchdog= vigie.color=red`,
			want: Options{Warnings: []string{
				`Boot option "vigie.color" is ignored: there is no such option.`,
				`Boot option "vigie.format" is ignored: "all" is not known, only "blank" is.`,
				`Boot option "vigie.hostname" is ignored: "a b" is no host name (letters, digits, hyphens and dots, 63 at most).`,
				`Boot option "vigie.ntp" is ignored: "" is neither a host name nor an address.`,
				`Boot option "vigie.watchdog" is ignored: "" is not known, only "off" and "on" are.`,
			}},
		},
		{
			name: "no control characters reach a console",
			oem:  []string{"vigie.\x1b[2J=1"},
			want: Options{Warnings: []string{`Boot option "vigie.?[2J" is ignored: there is no such option.`}},
		},
		{
			name: "too long",
			oem:  []string{"vigie.ntp=" + strings.Repeat("a", maxValue+1)},
			want: Options{Warnings: []string{`Boot option "vigie.ntp" is ignored: its value is longer than 1024 bytes.`}},
		},
	} {
		if diff := cmp.Diff(c.want, New(ParseCommandLine(c.line), c.oem)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestReadTakesBothSources(t *testing.T) {
	root := fstest.MapFS{
		"proc/cmdline":                         {Data: []byte("quiet vigie.hostname=a\n")},
		"sys/firmware/dmi/entries/11-0/raw":    {Data: structure("vigie.format=blank")},
		"sys/firmware/dmi/entries/11-1/raw":    {Data: structure("vigie.ntp=10.0.0.1", "vigie.hostname=b")},
		"sys/firmware/dmi/entries/17-0/raw":    {Data: []byte{17}},
		"sys/firmware/dmi/entries/11-0/handle": {Data: []byte("14\n")},
	}
	got, err := Read(root)
	want := Options{FormatBlank: true, NTPServers: []string{"10.0.0.1"}, Hostname: "a"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
	root["sys/firmware/dmi/entries/11-1/raw"].Data = []byte{11}
	got, err = Read(root)
	if err == nil || !got.FormatBlank || got.Hostname != "a" {
		t.Errorf("with a broken structure: %+v, %v", got, err)
	}
	for more, want := range map[int][]string{0: nil, 1: {"The kernel's command line is full: it has room for 2047 characters, and what was behind them is lost."}} {
		line := "vigie.hostname=a vigie.answer=" + strings.Repeat("QUFB", 504) + strings.Repeat(" ", more) // 2046 characters
		got, err := Read(fstest.MapFS{"proc/cmdline": {Data: []byte(line + "\n")}})
		if err != nil || got.Hostname != "a" || !slices.Equal(got.Warnings, want) {
			t.Errorf("%d characters: %q, %v", len(line), got.Warnings, err)
		}
	}
	if _, err := Read(fstest.MapFS{}); err == nil {
		t.Error("no error without a command line")
	}
}
