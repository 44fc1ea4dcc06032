// Package archive keeps recordings on data volumes: it makes segments, syncs them, closes them, finds them again after
// whatever happened, and removes the oldest when a volume is over its limit.
//
// It owns <volume>/vigie/rec on every volume it is given, and the rows of package index. What record decides (where a
// segment begins and ends) is not its business.
//
// Order of writing: clusters, sync (well within a second of the frame's coming, see write); at close: the header's
// patches, sync, rename, sync, index. Order of deleting: mark in the index, unlink, fsync of the folder, drop
// the mark. So a file without a row is footage not yet indexed, and is taken up; a row without a file, on a volume that
// is present, is footage lost, and becomes a gap; a mark is a deletion to be finished.
//
// A volume is in one of these states:
//
//	ok        takes segments
//	full      no room for another cluster although the oldest recordings went; takes segments again once there is
//	readonly  mounted so, or turned so by the kernel; read from only
//	degraded  a write or sync failed or took longer than StallAfter: its open segments are given up as suspect, their
//	          recorders go elsewhere; tried again from time to time with a new file, never with the same descriptor.
//	          Also one of which the system service says that it cannot be used although its disk is there
//	absent    its disk is not there now; its rows are kept
//
// Concurrency: a segment belongs to its recorder's goroutine. Each volume has three of its own: the writer writes and
// syncs what all segments have made ready, so that a recorder waits for a disk only when 16 MiB are behind; the closer
// ends segments; the keeper looks at space, deletes, probes and reconciles. Each disk operation may hang for ever without anything of another volume, or
// any query, waiting for it. Run starts the goroutines and waits for those that do not hang in a dead disk.
package archive
