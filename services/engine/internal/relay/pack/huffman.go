package pack

import "hash/crc32"

// standardTables are the Huffman tables that RFC 2435 takes for granted (T.81 tables K.3 to K.6), by class and destination:
// their length, with counts and symbols, and the CRC of that.
var standardTables = map[byte]struct {
	size int
	crc  uint32
}{
	0x00: {28, 0x9898900e},
	0x10: {178, 0x6f8f02e},
	0x01: {28, 0x57a406eb},
	0x11: {178, 0xa1415f28},
}

// standardHuffman tells whether all tables of a DHT segment (T.81 §B.2.4.2) are those that receivers take for granted.
func standardHuffman(body []byte) bool {
	for len(body) > 0 {
		if len(body) < 17 {
			return false
		}
		size := 16
		for _, n := range body[1:17] {
			size += int(n)
		}
		if len(body) < 1+size {
			return false
		}
		t, ok := standardTables[body[0]]
		if !ok || t.size != size || t.crc != crc32.ChecksumIEEE(body[1:1+size]) {
			return false
		}
		body = body[1+size:]
	}
	return true
}
