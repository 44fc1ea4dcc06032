// Package diskbook remembers what happened to disks: an entry for each event, how healthy each disk was over time,
// when the disks of each array were compared last, and what the last check of each volume's file system found,
// and where each volume was when it was last in use, so that one that is missing is told of.
//
// The book is one JSON file, in a folder that lives as long as the machine runs and as a copy on every data volume, from
// where a machine that was switched off takes it up again. It is bounded: by the hour for a month and by the day for three
// years for each of the 64 disks seen last, and the newest 500 events; 15 MB at the very most, some 100 kB on a usual
// machine. What comes from a volume is foreign: it is read with limits, and merged entry by entry, so that a disk that
// moves between machines brings its past along and takes nothing away.
//
// Nothing depends on it: a copy that cannot be read is passed over, one that cannot be written is logged once. All methods
// may be called from anywhere; only Run writes files, each volume's in a goroutine of its own, which a dying disk may keep.
package diskbook
