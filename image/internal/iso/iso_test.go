package iso

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var when = time.Unix(1_700_000_000, 0).UTC()

// parts are stand-ins of the right shape: the boot loaders' code is for the whole-machine tests.
func parts(t *testing.T) Parts {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Repeat([]byte(name+" "), size/len(name)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return Parts{
		System: file("system", 400_000), Manifest: file("manifest", 1000),
		Loaders: Loaders{Shim: file("shim", 50_000), GrubEFI: file("grubefi", 90_000), GrubBIOS: file("grubbios", 40_000), MBR: file("mbr_", 512)},
	}
}

func build(t *testing.T, p Parts) string {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.iso")
	if err := p.Write(t.Context(), out, t.TempDir(), when); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSamePartsSameISO(t *testing.T) {
	one, err := os.ReadFile(build(t, parts(t)))
	if err != nil {
		t.Fatal(err)
	}
	// Another time zone, another second, other folders.
	t.Setenv("TZ", "Asia/Tokyo")
	for start := time.Now().Unix(); time.Now().Unix() == start; {
		<-time.After(50 * time.Millisecond)
	}
	two, err := os.ReadFile(build(t, parts(t)))
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(one) != sha256.Sum256(two) {
		t.Error("two ISOs of the same parts differ")
	}
}

// TestHybrid checks the places where firmware looks: volume label, El Torito catalogue, MBR code and partitions.
func TestHybrid(t *testing.T) {
	name := build(t, parts(t))
	image, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const sector = 2048
	if label := strings.TrimSpace(string(image[16*sector+40 : 16*sector+72])); label != Label {
		t.Errorf("label %q", label)
	}
	if !bytes.HasPrefix(image, []byte("mbr_ mbr_")) || image[510] != 0x55 || image[511] != 0xaa {
		t.Error("no boot code in the first sector")
	}
	// El Torito 1.0 §2: boot record volume descriptor, then catalogue of validation, default and section entries.
	catalogue := image[int(binary.LittleEndian.Uint32(image[17*sector+0x47:]))*sector:]
	if catalogue[32] != 0x88 {
		t.Error("no bootable BIOS entry")
	}
	if catalogue[64] != 0x91 || catalogue[65] != 0xef || catalogue[96] != 0x88 {
		t.Error("no bootable UEFI entry")
	}
	if got := string(image[512:520]); got != "EFI PART" {
		t.Errorf("no GPT: %q", got)
	}
	efi := image[int(binary.LittleEndian.Uint32(catalogue[96+8:]))*sector:]
	for path, want := range map[string]string{"::/EFI/BOOT/BOOTX64.EFI": "shim", "::/EFI/BOOT/grubx64.efi": "grubefi", "::/boot/grub/grub.cfg": "# Made"} {
		file := filepath.Join(t.TempDir(), "efi.img")
		if err := os.WriteFile(file, efi[:espKiB<<10], 0o644); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command("mtype", "-i", file, path).Output()
		if err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %.20q, %v", path, text, err)
		}
	}
}

// TestMarkerIsInTheISO: GRUB must find on the medium the file that its script looks for.
func TestMarkerIsInTheISO(t *testing.T) {
	p := parts(t)
	name := build(t, p)
	list, err := exec.Command("xorriso", "-indev", name, "-find", "/", "-exec", "echo").Output()
	if err != nil {
		t.Fatal(err)
	}
	config, err := exec.Command("xorriso", "-osirrox", "on", "-indev", name, "-concat", "append", "-", "/boot/grub/grub.cfg", "--").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`search .*--set=root (/\S+)`).FindSubmatch(config)
	if found == nil {
		t.Fatalf("no search in %s", config)
	}
	if !strings.Contains(string(list), "'"+string(found[1])+"'") {
		t.Errorf("no %s in the ISO:\n%s", found[1], list)
	}
	if err := os.WriteFile(p.System, []byte("another payload"), 0o644); err != nil {
		t.Fatal(err)
	}
	other, err := marker(p.System)
	if err != nil {
		t.Fatal(err)
	}
	if "/"+other == string(found[1]) {
		t.Error("another payload has the same marker")
	}
}

func TestScriptOfGRUBNeverRests(t *testing.T) {
	config := grubConfig("/vigie/0123")
	if strings.Contains(config, "@") {
		t.Error("something was not filled in")
	}
	// A menu waits for a key once one was pressed; a read waits for ever.
	for _, word := range []string{"menuentry", "timeout", "read", "configfile", "normal", "halt", "exit", "--interruptible --verbose"} {
		if regexp.MustCompile(`(?m)^\s*` + word + `\b`).MatchString(config) {
			t.Errorf("the script uses %s", word)
		}
	}
	var open []string
	for n, line := range strings.Split(config, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "if "):
			open = append(open, "if")
		case strings.HasPrefix(line, "while "):
			open = append(open, "while")
		case line == "fi" || line == "done":
			opener := map[string]string{"fi": "if", "done": "while"}[line]
			if len(open) == 0 || open[len(open)-1] != opener {
				t.Fatalf("line %d: %s closes nothing", n+1, line)
			}
			open = open[:len(open)-1]
		case strings.HasPrefix(line, "linux ") || strings.HasPrefix(line, "initrd "):
			t.Errorf("line %d: failure of %q is not handled", n+1, line)
		case line == "boot" && len(open) != 4:
			t.Errorf("line %d: boot without image, options, kernel and initramfs", n+1)
		}
	}
	if len(open) > 0 {
		t.Errorf("%v is not closed", open)
	}
	if !regexp.MustCompile(`(?s)while true; do\n.*\treboot\ndone\n$`).MatchString(config) {
		t.Error("the last resort is not a restart for ever")
	}
	if !strings.Contains(config, "linux (system)/vmlinuz $options ") {
		t.Error("the kernel does not get its command line")
	}
}

// TestEveryWayToStart runs the script in a real GRUB, Debian's grub-emu, with every combination of answers to its questions, and
// reads what the kernel is given. What this GRUB has no medium for, or must not run, notes what it was asked.
func TestEveryWayToStart(t *testing.T) {
	questions := []string{"loglevel=7", "vigie.rescue=on", "vigie.reset=network"}
	script, asked := grubConfig("/vigie/0123"), 0
	for _, r := range []struct{ from, to string }{
		{`(?m)^search [^\n]*$`, ""},
		{`loopback system [^;\n]*`, "true"},
		{`load_env -f [^;\n]*`, "set options=console=ttyS0"},
		{`linux \(system\)/vmlinuz`, "note"},
		{`initrd [^;\n]*`, "true"},
		{`(?m)^(\s*)boot$`, "${1}set started=1"},
		{`(?s)while true; do\n.*\tsleep 30\n\treboot\ndone\n$`, ""},
		{`sleep --interruptible 2`, `[ -z "$$esc" ]`},
		{`sleep --interruptible 5`, ""},
	} {
		changed := regexp.MustCompile(r.from).ReplaceAllString(script, r.to)
		if r.to == "" && strings.HasPrefix(r.from, "sleep") {
			changed = regexp.MustCompile(r.from).ReplaceAllStringFunc(script, func(string) string {
				asked++
				return fmt.Sprintf(`[ -z "$esc_%d" ]`, asked)
			})
		}
		if changed == script {
			t.Fatalf("the script has no %s", r.from)
		}
		script = changed
	}
	if asked != len(questions) {
		t.Fatalf("the script asks %d questions", asked)
	}
	dir, tree := t.TempDir(), t.TempDir()
	main := "function note {\n\tset line=\"$*\"\n}\n"
	var want []string
	for n := range 1 + 1<<len(questions) { // the last of them: nobody has pressed Esc before
		line := "console=ttyS0"
		main += fmt.Sprintf("set line=\"\"\nset started=\"\"\nset esc=%s\n", map[bool]string{true: "1"}[n < 1<<len(questions)])
		for q, option := range questions {
			yes := map[bool]string{true: "1"}[n&(1<<q) != 0 || n == 1<<len(questions)]
			main += fmt.Sprintf("set esc_%d=%s\n", q+1, yes)
			if yes != "" && n < 1<<len(questions) {
				line += " " + option
			}
		}
		want = append(want, line)
		main += fmt.Sprintf("source (hd0)/script.cfg\nsave_env -f (hd0)/r%d.env line started\n", n)
		file(t, filepath.Join(tree, fmt.Sprintf("r%d.env", n)), "# GRUB Environment Block\n"+strings.Repeat("#", 999))
	}
	file(t, filepath.Join(tree, "script.cfg"), script)
	file(t, filepath.Join(tree, "main.cfg"), main)
	file(t, filepath.Join(tree, "grub.cfg"), "source (hd0)/main.cfg\nexit\n")
	disk := filepath.Join(dir, "disk")
	file(t, filepath.Join(dir, "device.map"), "(hd0) "+disk+"\n")
	run(t, "mkfs.vfat", "-C", disk, "2048")
	run(t, "sh", "-c", fmt.Sprintf("mcopy -s -i %s %s/* ::/", disk, tree))
	// It wants a terminal to write to.
	run(t, "timeout", "60", "script", "-qec", fmt.Sprintf("TERM=dumb grub-emu -m %s -r hd0 -d /", filepath.Join(dir, "device.map")), "/dev/null")
	for n, line := range want {
		got := run(t, "mtype", "-i", disk, fmt.Sprintf("::/r%d.env", n))
		if !strings.Contains(got, "\nline="+line+"\nstarted=1\n") {
			t.Errorf("answers %03b: %q, want %q", n, strings.TrimRight(got, "#"), line)
		}
	}
}

func file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}
