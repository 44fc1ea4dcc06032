package loader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"vigie/installer/fat"
	"vigie/installer/layout"
	"vigie/installer/loader"
)

const diskID = "01020304-0506-4708-8900-000000000001"

// content is what is in a slot.
type content string

const (
	whole    content = "whole"
	noKernel content = "noKernel" // a file system in which something is missing
	torn     content = "torn"     // no file system
)

// situation is what GRUB finds.
type situation struct {
	a, b         loader.State
	first        string
	count        string // how often the trial was started by grubenv; "other": of another trial; "torn": unreadable
	torn0, torn1 bool   // the blocks of the states
	inA, inB     content
	pressed      []string // the questions that were answered with Esc; nil: nothing was pressed at all
}

// The questions, in their order.
const (
	messages     = "messages"
	rescue       = "rescue"
	resetNetwork = "network"
	otherSlot    = "other"
)

var questions = []string{messages, rescue, resetNetwork, otherSlot}

// asked are the kernel's options that come of answers.
func asked(pressed []string) (options string) {
	for _, q := range pressed {
		options += map[string]string{messages: " loglevel=7", rescue: " vigie.rescue=on", resetNetwork: " vigie.reset=network"}[q]
	}
	return options
}

const trial = 7

func (s situation) onTrial() bool { return s.a == loader.Trying || s.b == loader.Trying }

// outcome is what GRUB does.
type outcome struct {
	slot  string // "": nothing can be started
	count string // what grubenv says afterwards of trial 7
}

// expected is the rule as the README says it, in another language than GRUB's.
func expected(s situation, newer string) outcome {
	state := map[string]loader.State{"a": s.a, "b": s.b}
	in := map[string]content{"a": s.inA, "b": s.inB}
	order := []string{"a", "b"}
	if s.first == "b" {
		order = []string{"b", "a"}
	}
	count := s.count
	if s.torn0 && s.torn1 {
		state = map[string]loader.State{}
		order = []string{newer, map[string]string{"a": "b", "b": "a"}[newer]}
		if in[order[0]] == torn { // its time of build is not known
			order[0], order[1] = order[1], order[0]
		}
	}
	if other := order[1]; slices.Contains(s.pressed, otherSlot) && in[other] == whole {
		return outcome{other, count}
	}
	for _, slot := range order {
		starts := state[slot] == loader.Confirmed
		if state[slot] == loader.Trying && count != "torn" {
			used := map[string]int{"1": 1, "2": 2, "3": 3}[count]
			if starts = used < loader.Starts; starts {
				count = fmt.Sprint(used + 1)
			}
		}
		if starts && in[slot] == whole {
			return outcome{slot, count}
		}
	}
	for _, slot := range order {
		if in[slot] == whole {
			return outcome{slot, count}
		}
	}
	return outcome{"", count}
}

func situations(inA, inB content) []situation {
	var out []situation
	states := []loader.State{loader.Empty, loader.Confirmed, loader.Trying, loader.Bad}
	for _, a := range states {
		for _, b := range states {
			for _, first := range []string{"a", "b"} {
				s := situation{a: a, b: b, first: first, inA: inA, inB: inB}
				if !s.onTrial() {
					out = append(out, s)
					continue
				}
				for _, s.count = range []string{"0", "1", "2", "3", "other", "torn"} {
					out = append(out, s)
				}
			}
		}
	}
	for _, blocks := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		for _, first := range []string{"a", "b"} {
			out = append(out, situation{a: loader.Confirmed, b: loader.Bad, first: first, torn0: blocks[0], torn1: blocks[1], inA: inA, inB: inB})
		}
	}
	for answers := range 1 << len(questions) { // somebody has pressed Esc, and says yes to these
		pressed := []string{}
		for n, q := range questions {
			if answers&(1<<n) != 0 {
				pressed = append(pressed, q)
			}
		}
		for _, first := range []string{"a", "b"} {
			out = append(out, situation{a: loader.Confirmed, b: loader.Confirmed, first: first, inA: inA, inB: inB, pressed: pressed},
				situation{a: loader.Confirmed, b: loader.Trying, first: first, count: "2", inA: inA, inB: inB, pressed: pressed})
		}
	}
	return out
}

// TestScriptInEverySituation runs the script in a real GRUB, Debian's grub-emu, for every combination of the slots' states,
// counts and contents, on disks laid out as an installation does, and holds what it would start against the rule. Two
// commands that this GRUB lacks or must not run, linux and boot, are functions that note what they were asked.
func TestScriptInEverySituation(t *testing.T) {
	start := time.Now()
	checked := 0
	newer := "b"
	for _, inA := range []content{whole, noKernel, torn} {
		for _, inB := range []content{whole, noKernel, torn} {
			all := situations(inA, inB)
			for i, got := range runGRUB(t, all) {
				checked++
				want := expected(all[i], newer)
				if got.slot != want.slot {
					t.Errorf("%+v: started %q, want %q", all[i], got.slot, want.slot)
				}
				if all[i].onTrial() && !all[i].torn0 && got.count != want.count {
					t.Errorf("%+v: counted %q, want %q", all[i], got.count, want.count)
				}
			}
		}
	}
	t.Logf("%d situations in %.1f s", checked, time.Since(start).Seconds())
}

// script is the script, with its waits left out and with what ends a GRUB turned into notes.
func script(t *testing.T) string {
	t.Helper()
	text := string(loader.Script())
	for _, r := range []struct{ from, to string }{
		{`(?m)^(\s*)boot$`, "${1}note_boot $$1"},
		{`\bsave_env\b`, "count_env"},
		{`sleep --interruptible 2`, `[ -z "$$esc" ]`},
		{`(?s)while true; do\n\techo [^\n]*\n\tsleep 30\n\treboot\ndone\n$`, "note_end\n"},
	} {
		changed := regexp.MustCompile(r.from).ReplaceAllString(text, r.to)
		if changed == text {
			t.Fatalf("the script has no %s", r.from)
		}
		text = changed
	}
	n := 0
	text = regexp.MustCompile(`sleep --interruptible 5`).ReplaceAllStringFunc(text, func(string) string {
		n++
		return fmt.Sprintf(`[ -z "$esc_%d" ]`, n)
	})
	if n != len(questions) {
		t.Fatalf("the script asks %d questions", n)
	}
	return text
}

// harness is what the script runs in. Once something was started, nothing that follows counts: GRUB would be gone.
const harness = `
function linux {
	if [ -z "$started" -a -s "$1" ]; then
		set line="$*"
	else
		false
	fi
}
function initrd {
	if [ -s "$1" ]; then
		true
	else
		false
	fi
}
function note_boot {
	if [ -z "$started" ]; then
		set started="$1"
	fi
}
function note_end {
	if [ -z "$started" ]; then
		set started=none
	fi
}
function count_env {
	if [ -z "$started" ]; then
		save_env $@
	else
		false
	fi
}
`

// runGRUB lays out a disk with the slots' contents, which all situations share, and with the states of each situation in a folder
// of its own.
func runGRUB(t *testing.T, all []situation) []outcome {
	t.Helper()
	dir := memory(t)
	tree := filepath.Join(dir, "efi")
	main := harness
	for i, s := range all {
		folder := filepath.Join(tree, fmt.Sprintf("c%d", i))
		files := map[string][]byte{"slots0.env": slotsBlock(t, s, s.torn0), "slots1.env": slotsBlock(t, s, s.torn1), "grubenv": countBlock(t, s), "result.env": block(t)}
		for name, b := range files {
			write(t, filepath.Join(folder, name), b)
		}
		esc := map[bool]string{true: "1"}
		main += fmt.Sprintf("set esc=%s\n", esc[s.pressed != nil])
		for n, q := range questions {
			main += fmt.Sprintf("set esc_%d=%s\n", n+1, esc[slices.Contains(s.pressed, q)])
		}
		main += fmt.Sprintf("set started=\"\"\nset line=\"\"\nset prefix=(hd0,gpt2)/c%d\nsource (hd0,gpt2)/script.cfg\nsave_env -f (hd0,gpt2)/c%d/result.env started line\n", i, i)
	}
	write(t, filepath.Join(tree, "script.cfg"), []byte(script(t)))
	write(t, filepath.Join(tree, "main.cfg"), []byte(main))
	write(t, filepath.Join(tree, "grub.cfg"), []byte("source (hd0,gpt2)/main.cfg\nexit\n"))
	disk := filepath.Join(dir, "disk")
	f := partitioned(t, disk)
	table, err := layout.Read(f, layout.MinBytes)
	if err != nil {
		t.Fatal(err)
	}
	efi := filepath.Join(dir, "efi.img")
	run(t, "mkfs.vfat", "-F", "32", "-s", "1", "-C", efi, fmt.Sprint(layout.EFIBytes>>10))
	run(t, "sh", "-c", fmt.Sprintf("mcopy -s -i %s %s/* ::/", efi, tree))
	efiPart, _ := table.Part(layout.EFI)
	put(t, f, efi, efiPart.Start)
	for role, in := range map[layout.Role]content{layout.SlotA: all[0].inA, layout.SlotB: all[0].inB} {
		p, _ := table.Part(role)
		if in != torn {
			put(t, f, slot(t, role, in), p.Start)
		}
	}
	write(t, filepath.Join(dir, "device.map"), []byte("(hd0) "+disk+"\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// It wants a terminal to write to.
	cmd := exec.CommandContext(ctx, "script", "-qec", fmt.Sprintf("grub-emu -m %s -r hd0,gpt2 -d /", filepath.Join(dir, "device.map")), "/dev/null")
	cmd.Env = append(os.Environ(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("grub-emu: %v: %s", err, out)
	}
	var got []outcome
	section := io.NewSectionReader(f, efiPart.Start, efiPart.Size)
	for i, s := range all {
		result := variables(t, section, fmt.Sprintf("/c%d/result.env", i))
		o := outcome{slot: result["started"]}
		switch o.slot {
		case "":
			t.Fatalf("%+v: the script did not come to its end: %s", s, out)
		case "none":
			o.slot = ""
		default:
			identity := " vigie.system=" + diskID
			if s.torn0 && s.torn1 {
				identity = ""
			}
			part := map[string]string{"a": "gpt3", "b": "gpt4"}[o.slot]
			if want := fmt.Sprintf("(hd0,%s)/vmlinuz of=%s console=ttyS0 vigie.slot=%s%s%s", part, o.slot, o.slot, identity, asked(s.pressed)); result["line"] != want {
				t.Errorf("%+v: the kernel gets %q, want %q", s, result["line"], want)
			}
		}
		if s.count != "torn" {
			count := variables(t, section, fmt.Sprintf("/c%d/grubenv", i))
			o.count = s.count
			if count["counted"] == fmt.Sprint(trial) {
				o.count = count["starts"]
			}
		} else {
			o.count = "torn"
		}
		got = append(got, o)
	}
	return got
}

// memory is a folder in memory, where there is one: GRUB flushes the disk after each block that it writes.
func memory(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "vigie-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func slotsBlock(t *testing.T, s situation, isTorn bool) []byte {
	t.Helper()
	slots := loader.Slots{Generation: 12, System: diskID, First: s.first, A: s.a, B: s.b}
	if s.onTrial() {
		slots.Trial = trial
	}
	b, err := slots.Block()
	if err != nil {
		t.Fatal(err)
	}
	if isTorn { // the beginning of one write, the end of another: what was in between is gone
		slots.Generation, slots.First = 13, "a"
		later, err := slots.Block()
		if err != nil {
			t.Fatal(err)
		}
		end := bytes.Index(b, []byte("first="))
		b = append(later[:end:end], b[end:]...)
	}
	return b
}

func countBlock(t *testing.T, s situation) []byte {
	t.Helper()
	switch s.count {
	case "", "0":
		return block(t)
	case "torn":
		return make([]byte, 1024)
	case "other":
		return block(t, loader.Variable{Name: "counted", Value: "6"}, loader.Variable{Name: "starts", Value: "3"})
	}
	return block(t, loader.Variable{Name: "counted", Value: fmt.Sprint(trial)}, loader.Variable{Name: "starts", Value: s.count})
}

func block(t *testing.T, v ...loader.Variable) []byte {
	t.Helper()
	b, err := loader.Block(v...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// slot makes the file system of a slot; that of B was built later.
func slot(t *testing.T, role layout.Role, in content) string {
	t.Helper()
	dir := t.TempDir()
	built := map[layout.Role]int64{layout.SlotA: 1_700_000_000, layout.SlotB: 1_700_000_001}[role]
	boot, err := loader.Boot(built, "of="+string(role)+" console=ttyS0")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "s", loader.BootFile), boot)
	write(t, filepath.Join(dir, "s", loader.Initrd), []byte("initrd"))
	if in != noKernel {
		write(t, filepath.Join(dir, "s", loader.Kernel), []byte("kernel"))
	}
	image := filepath.Join(dir, "slot")
	run(t, "mksquashfs", filepath.Join(dir, "s"), image, "-noI", "-noD", "-noF", "-noX", "-quiet", "-no-progress")
	return image
}

func partitioned(t *testing.T, name string) *os.File {
	t.Helper()
	n := byte(0)
	table, err := layout.New(layout.MinBytes, false, func() uuid.UUID { n++; return uuid.UUID{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 15: n} })
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	err = f.Truncate(table.Bytes)
	for at, b := range map[int64][]byte{0: table.MBR(layout.PassOn()), layout.Sector: table.Head(), table.Bytes - layout.TailBytes: table.Tail()} {
		_, bad := f.WriteAt(b, at)
		err = errors.Join(err, bad)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// put copies a file into a disk, zeros left out.
func put(t *testing.T, disk *os.File, file string, at int64) {
	t.Helper()
	run(t, "dd", "if="+file, "of="+disk.Name(), "bs=64K", "oflag=seek_bytes", fmt.Sprintf("seek=%d", at), "conv=notrunc,sparse", "status=none")
}

func variables(t *testing.T, efi io.ReaderAt, path string) map[string]string {
	t.Helper()
	extents, size, err := fat.Find(efi, path)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, e := range extents {
		part := make([]byte, e.Size)
		if _, err := efi.ReadAt(part, e.Start); err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	v, err := loader.ParseBlock(b)
	if err != nil || size != 1024 {
		t.Fatalf("%s: %d bytes, %v", path, size, err)
	}
	return v
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}
