package index

import "strings"

// duplicateSuffix ends the stream's name in the key of a duplicate.
const duplicateSuffix = "copy"

// Duplicate is the stream's name in the keys of the second recording of a stream, on another volume than the first: so the
// two never have a key in common, whenever each begins.
func Duplicate(stream string) string { return stream + duplicateSuffix }

// Original is the stream that a key's stream name stands for, and tells whether the name is a duplicate's.
func Original(stream string) (original string, duplicate bool) {
	original, duplicate = strings.CutSuffix(stream, duplicateSuffix)
	if original == "" { // a stream that is called so
		return stream, false
	}
	return original, duplicate
}

// Shows is the stream whose footage the segment holds.
func (k Key) Shows() string {
	original, _ := Original(k.Stream)
	return original
}

// IsDuplicate tells whether the segment is a stream's second recording.
func (k Key) IsDuplicate() bool {
	_, duplicate := Original(k.Stream)
	return duplicate
}
