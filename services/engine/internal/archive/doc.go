// Package archive keeps recordings on data volumes: it makes segments, syncs them, closes them, finds them again after
// whatever happened, and deletes what package retention says.
//
// It owns <volume>/vigie/rec on every volume it is given, the rows of package index, and, with package protection, the
// file of protections that stands beside the recordings of each volume. What record decides (where a
// segment begins and ends) is not its business.
//
// Order of writing: clusters, sync (well within a second of the frame's coming, see write); at close: the header's
// patches, sync, rename, sync, index. Order of deleting: mark in the index, unlink, fsync of the folder, drop
// the mark. So a file without a row is footage not yet indexed, and is taken up; a row without a file, on a volume that
// is present, is footage lost, and becomes a gap; a mark is a deletion to be finished. Marking asks for protections in
// its own transaction, so that a protection made a moment before wins.
//
// Deleting never slows writing: each volume's keeper does it by itself, under none of the writer's locks, 16 files at a
// time, and rests after each batch as long as it took. What is past its target goes only when the clock is to be trusted:
// synchronised, or even for TrustAfter.
//
// What people have deleted (package deletion has the orders) goes the same way, by the same keepers, and at half their time
// too. PlanDeletion counts it first; only what lies wholly within the order's range, on the volumes that were there, is
// touched, so that what comes later never is.
//
// A volume that is at its limit and holds nothing but promised and protected recordings is committed: it gets no new
// segments while another volume can take them. When there is no such volume, and has not been for a minute (or the volume is
// about to be full), promises are broken: noted in the database first, then the oldest in proportion goes.
//
// A retired volume gets no new segments either, and those being written to it end at their next keyframe; what is on it stays
// until retention ends. Only when no other volume takes recordings they go there all the same, and that is told.
//
// A camera may be recorded twice, to two volumes at once. The second recording, the
// duplicate, has segments of its own, under a stream's name of its own (see
// index.Duplicate), is told by no gap, and never goes where the first does: with a
// single volume left there is none. Queries show it only where the first is not to
// be had, see once.
//
// Cameras that are pinned to no volume are spread by size. None is put where the
// rounds of writing would then take longer than bearable, while another volume
// bears it; a camera on such a volume leaves it with its next file.
//
// When a volume comes, its folders are read and compared with the index. Files that it does not know are taken up as
// their names say, so that with the index lost the timeline is back as soon as the folders are read; whatever asks is
// told until then that recordings may not show. Then it is looked into each of these files, at half the keeper's time: what is
// damaged, misnamed, double or not ours leaves the index, is told and is left as it is. Double is what has the key of a
// recording on another volume: as no segment is ever begun, or closed by repair, under a key that is taken, it is a copy that
// somebody made, and counting it would double the footage. Until it has been looked into no
// file is deleted.
//
// Seeks: a round writes what each segment of a volume has in one piece, every 0.3 s and the time that the sync takes. With
// 100 cameras on d disks that is 100/d pieces a round, at 4 Mbit/s of 150 KB each, so at most 333/d places a second to
// which a disk's arm goes, in the order in which its queue sorts them, and 3/s more for the file system's log. Measured
// (make bench-disk): 217/s on each of two disks, where that says 170, and 114/s on each of four, where it says 86.
//
// Repair after a crash reads a folder, a file's header and its last 768 KiB for each camera; then all its footage shows.
// Closing the files changes two places in each, with two syncs for all.
//
// A volume is in one of these states:
//
//	ok        takes segments
//	full      no room for another cluster although all went that may; takes segments again once there is
//	readonly  mounted so, or turned so by the kernel; read from only
//	degraded  a write or sync failed or took longer than StallAfter: its open segments are given up as suspect, their
//	          recorders go elsewhere; tried again from time to time with a new file, never with the same descriptor.
//	          While no other volume takes recordings it is given up later, and tried again every few seconds.
//	          Also one of which the system service says that it cannot be used although its disk is there
//	absent    its disk is not there now; its rows are kept
//
// Concurrency: a segment belongs to its recorder's goroutine. Each volume has three of its own: the writer writes and
// syncs what all segments have made ready, so that a recorder waits for a disk only when 16 MiB are behind; the closer
// ends segments; the keeper looks at space, deletes, probes and reconciles. Each disk operation may hang for ever without
// anything of another volume, or any query, waiting for it. Run starts the goroutines and waits for those that do not hang in a dead disk.
package archive
