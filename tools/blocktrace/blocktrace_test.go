package blocktrace

import "testing"

func TestEventsAreRead(t *testing.T) {
	for line, want := range map[string]Request{
		"  kworker/0:1-12 [000] d..1. 12.3: block_rq_issue: 7,0 WFS 4096 () 2048 + 8 none,0,0 [kworker/0:1]": {Write: true, Flush: true, Offset: 1 << 20, Size: 4096},
		"  cat-7   [001] ..... 12.3: block_rq_issue: 8,16 RA 131072 () 64 + 256 be,0,4 [cat]":                {Offset: 32 << 10, Size: 128 << 10},
		"  sync-7  [001] ..... 12.3: block_rq_issue: 8,16 FF 0 () 18446744073709551615 + 0 none,0,0 [sync]":  {Flush: true},
	} {
		got, ok, err := parse(line)
		if !ok || err != nil || got != want {
			t.Errorf("%s: %+v, %v, %v", line, got, ok, err)
		}
	}
	if _, ok, err := parse("# tracer: nop"); ok || err != nil {
		t.Errorf("a comment is an event: %v", err)
	}
	if _, _, err := parse("x block_rq_issue: 7,0 W"); err == nil {
		t.Error("half an event passes")
	}
}

func TestPlacesAreCounted(t *testing.T) {
	s := Sum([]Request{{Offset: 0, Size: 4096}, {Offset: 4096, Size: 4096}, {Write: true, Offset: 8192, Size: 512}, {Flush: true}, {Offset: 0, Size: 4096}})
	want := Stats{Reads: 3, Writes: 1, Flushes: 1, ReadBytes: 3 * 4096, WriteBytes: 512, Places: 2}
	if s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}
