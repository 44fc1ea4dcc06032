package md

import (
	"fmt"
	"slices"
)

// Levels are those that can be made.
var Levels = []int{0, 1, 5, 6, 10}

// reserve is what the superblock, the bitmap and alignment take of each disk at most, in bytes: a part of it, as mdadm
// keeps room for later changes.
func reserve(size int64) int64 { return min(max(size/100, 4<<20), 256<<20) }

// Room is how much of a member of a size there is at least for what the array holds, in bytes.
func Room(size int64) int64 { return size - reserve(size) }

// MostMembers is how many disks an array may have.
const MostMembers = 64

// Shape is what an array of disks would be.
type Shape struct {
	Capacity int64 // bytes, a little less than mdadm will make of it
	Survives int   // how many disks may fail, whichever they are
	Unused   int64 // bytes of larger disks that stay unused
}

// MinMembers is how many disks a level takes at least.
func MinMembers(level int) int {
	switch level {
	case 0, 1:
		return 2
	case 5:
		return 3
	case 6, 10:
		return 4
	}
	return 0
}

// ShapeOf says what an array of a level of disks with these sizes would be, or why there can be none, as a sentence for
// people.
func ShapeOf(level int, sizes []int64) (Shape, string) {
	least := MinMembers(level)
	n := len(sizes)
	switch {
	case !slices.Contains(Levels, level):
		return Shape{}, "The level must be 0, 1, 5, 6 or 10."
	case n < least:
		return Shape{}, fmt.Sprintf("RAID %d takes at least %d disks.", level, least)
	case level == 10 && n%2 != 0:
		return Shape{}, "RAID 10 takes an even number of disks here: each has a twin."
	case n > MostMembers:
		return Shape{}, fmt.Sprintf("An array has at most %d disks here.", MostMembers)
	}
	smallest := slices.Min(sizes)
	if smallest < MinMember {
		return Shape{}, fmt.Sprintf("Each disk must have at least %d MiB.", MinMember>>20)
	}
	each := Room(smallest)
	var s Shape
	for _, size := range sizes {
		s.Unused += size - smallest
	}
	switch level {
	case 0:
		s.Capacity = each * int64(n)
	case 1:
		s.Capacity, s.Survives = each, n-1
	case 5:
		s.Capacity, s.Survives = each*int64(n-1), 1
	case 6:
		s.Capacity, s.Survives = each*int64(n-2), 2
	case 10:
		s.Capacity, s.Survives = each*int64(n/2), 1
	}
	return s, ""
}

// MinMember is the smallest disk that an array is made of.
const MinMember = 32 << 20
