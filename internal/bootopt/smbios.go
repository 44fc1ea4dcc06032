package bootopt

import (
	"bytes"
	"fmt"
)

// ParseOEMStrings takes the strings out of one SMBIOS structure of type 11 as the kernel shows it in
// /sys/firmware/dmi/entries/11-*/raw (DMTF DSP0134, sections 6.1.2, 6.1.3 and 7.12):
//
//	0     1        2..3     4       length            ...
//	+-----+--------+--------+-------+ ... +-----------+----+-----------+----+----+
//	| 11  | length | handle | count |     | string 1  | 00 | string 2  | 00 | 00 |
//	+-----+--------+--------+-------+ ... +-----------+----+-----------+----+----+
//
// Strings beyond count are not read. The complete strings of a truncated structure are returned along with the error.
func ParseOEMStrings(raw []byte) ([]string, error) {
	const header = 5
	if len(raw) < header {
		return nil, fmt.Errorf("SMBIOS OEM strings: %d bytes are too few", len(raw))
	}
	if raw[0] != 11 {
		return nil, fmt.Errorf("SMBIOS OEM strings: structure of type %d", raw[0])
	}
	length, count := int(raw[1]), int(raw[4])
	if length < header || length > len(raw) {
		return nil, fmt.Errorf("SMBIOS OEM strings: length %d in %d bytes", length, len(raw))
	}
	rest := raw[length:]
	var strs []string
	for range count {
		s, after, found := bytes.Cut(rest, []byte{0})
		if !found {
			return strs, fmt.Errorf("SMBIOS OEM strings: %d announced, %d complete", count, len(strs))
		}
		strs, rest = append(strs, string(s)), after
	}
	return strs, nil
}
