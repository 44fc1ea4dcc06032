package mirror

import (
	"bytes"
	"testing"
)

// FuzzJournal: whatever a journal file holds, reading it neither fails hard nor yields anything that was not framed.
func FuzzJournal(f *testing.F) {
	h := header{magic: magicJournal, uuid: [16]byte{1, 2, 3}, branch: 7, generation: 41, createdMs: 1}
	b := h.marshal()
	f.Add(b)
	for g := range uint64(3) {
		ops := appendOp(nil, op{kind: opPut, bucket: []byte("rows"), key: []byte{byte(g + 1)}, value: []byte("v")})
		ops = appendOp(ops, op{kind: opDelete, bucket: []byte("rows"), key: []byte{9}})
		ops = appendOp(ops, op{kind: opClear, bucket: []byte("old")})
		fr := frame{generation: 42 + g, timeMs: 5, payload: ops}
		b = fr.appendTo(b, &h)
		mark := frame{generation: 42 + g, timeMs: 6}
		b = mark.appendTo(b, &h)
		f.Add(bytes.Clone(b))
	}
	f.Add(b[:len(b)-1])
	f.Add(append(bytes.Clone(b), 0, 0, 0, 0))
	f.Add([]byte(magicJournal))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := parseJournal(data)
		if err != nil {
			return
		}
		again := j.header.marshal()
		next := j.header.generation + 1
		marks := func() { // between frames there may be any number
			for at := len(again); at < int(j.intact); at = len(again) {
				m, n, err := parseFrame(data[at:], &j.header)
				if err != nil || !m.mark() {
					return
				}
				if m.generation != next-1 {
					t.Fatalf("mark of generation %d before %d", m.generation, next)
				}
				again = append(again, data[at:at+n]...)
			}
		}
		marks()
		for i, fr := range j.frames {
			if fr.generation != j.header.generation+uint64(i)+1 {
				t.Fatalf("frame %d has generation %d", i, fr.generation)
			}
			if err := checkOps(fr.payload); err != nil {
				t.Fatal(err)
			}
			again = fr.appendTo(again, &j.header)
			next++
			marks()
		}
		if int64(len(again)) != j.intact {
			t.Fatalf("%d bytes intact, frames need %d", j.intact, len(again))
		}
		if !bytes.Equal(again[headerSize:], data[headerSize:j.intact]) {
			t.Fatal("frames do not encode to what was read")
		}
	})
}
