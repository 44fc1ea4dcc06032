package bootentry

import (
	"encoding/binary"
	"unicode/utf16"
)

// wide is a text as UEFI has it: UTF-16, little-endian, with a zero at its end.
func wide(s string) (b []byte) {
	for _, c := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

// describe is the description of an entry; "" of what is none.
func describe(option []byte) string {
	const head = 6 // attributes, and the path's length
	var text []uint16
	for at := head; at+2 <= len(option); at += 2 {
		c := binary.LittleEndian.Uint16(option[at:])
		if c == 0 {
			return string(utf16.Decode(text))
		}
		text = append(text, c)
	}
	return ""
}
