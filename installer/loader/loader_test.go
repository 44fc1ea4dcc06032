package loader

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const id = "01020304-0506-4708-8900-000000000001"

func slots() Slots {
	return Slots{Generation: 41, System: id, First: "b", A: Confirmed, B: Trying, Trial: 40}
}

func TestStatesComeBackFromTheFirstBlockThatIsWhole(t *testing.T) {
	older, newer := slots(), slots()
	newer.Generation, newer.B, newer.Trial = 42, Confirmed, 0
	blocks := map[string][]byte{"nothing": nil, "zeros": make([]byte, blockBytes)}
	for name, s := range map[string]Slots{"older": older, "newer": newer} {
		b, err := s.Block()
		if err != nil || len(b) != blockBytes {
			t.Fatal(len(b), err)
		}
		blocks[name] = b
	}
	blocks["torn"] = append(bytes.Clone(blocks["newer"][:60]), blocks["older"][60:]...)
	for _, c := range []struct {
		b0, b1 string
		want   Slots
	}{
		{"older", "older", older}, {"older", "newer", older}, {"newer", "older", newer}, {"torn", "newer", newer},
		{"zeros", "older", older}, {"nothing", "newer", newer}, {"older", "torn", older}, {"newer", "zeros", newer},
		{"torn", "torn", Slots{}}, {"zeros", "nothing", Slots{}},
	} {
		got, err := ParseSlots(blocks[c.b0], blocks[c.b1])
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want.Generation != 0) {
			t.Errorf("%s, %s: %v %s", c.b0, c.b1, err, diff)
		}
	}
}

func TestNonsenseIsNotWritten(t *testing.T) {
	for name, f := range map[string]func(*Slots){
		"no generation": func(s *Slots) { s.Generation = 0 }, "no disk": func(s *Slots) { s.System = "" },
		"words in the disk's id": func(s *Slots) { s.System = "x init=/bin/sh" }, "no first": func(s *Slots) { s.First = "c" },
		"no state": func(s *Slots) { s.A = "good" }, "a trial without a number": func(s *Slots) { s.Trial = 0 },
		"a number without a trial": func(s *Slots) { s.B = Bad },
	} {
		s := slots()
		f(&s)
		if _, err := s.Block(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	for _, v := range []Variable{{"", "x"}, {"a=b", "x"}, {"a", "two\nlines"}, {"a", `back\slash`}, {"a", "é"}, {"a", strings.Repeat("x", blockBytes)}} {
		if _, err := Block(v); err == nil {
			t.Errorf("%.40q is in a block", v)
		}
	}
}

func TestStagesKnowWhereTheyLie(t *testing.T) {
	boot, core := make([]byte, 512), bytes.Repeat([]byte{7}, 4000)
	boot[510], boot[511] = 0x55, 0xaa
	code, second, err := Stages(boot, core, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) != 440 || binary.LittleEndian.Uint64(code[0x5c:]) != 2048 || !bytes.Equal(code[0x64:0x68], []byte{0xff, 0, 0x90, 0x90}) {
		t.Errorf("first stage: %d bytes, % x", len(code), code[0x5c:0x68])
	}
	if len(second) != len(core) || binary.LittleEndian.Uint64(second[0x1f4:]) != 2049 || !bytes.Equal(second[512:], core[512:]) {
		t.Errorf("second stage: %d bytes, % x", len(second), second[0x1f4:0x200])
	}
	for name, f := range map[string]func() ([]byte, []byte, int64){
		"no code":         func() ([]byte, []byte, int64) { return make([]byte, 512), core, 1 << 20 },
		"short code":      func() ([]byte, []byte, int64) { return boot[:100], core, 1 << 20 },
		"no second stage": func() ([]byte, []byte, int64) { return boot, make([]byte, 4000), 1 << 20 },
		"not at a sector": func() ([]byte, []byte, int64) { return boot, core, 1000 },
	} {
		b, c, at := f()
		if _, _, err := Stages(b, c, at); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParseSlots(f *testing.F) {
	whole, err := slots().Block()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, whole)
	f.Add(whole[:100], make([]byte, blockBytes))
	f.Add([]byte(firstLine+"begin=1\nbegin\n=\nend=1\n"), whole)
	f.Fuzz(func(t *testing.T, b0, b1 []byte) {
		s, err := ParseSlots(b0, b1)
		if err != nil {
			return
		}
		again, err := s.Block()
		if err != nil {
			t.Fatalf("%+v was read, and cannot be written: %v", s, err)
		}
		if got, err := ParseSlots(again, nil); err != nil || got != s {
			t.Errorf("%+v, %+v, %v", s, got, err)
		}
	})
}
