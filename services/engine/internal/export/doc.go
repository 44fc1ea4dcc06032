// Package export takes footage away: a range of cameras as Matroska files, as recorded, or as MP4; several in one ZIP;
// to a browser. Each file carries its manifest (package manifest), signed.
//
// An export is not stored. Its plan says which clusters of which segments make which file, and everything else about its
// bytes but the digests: so its length is known before anything is read, and any part of it can be made again, byte for
// byte, which is what makes a download resumable without room on a disk. What has been hashed on the way is remembered;
// who asks for a later part first waits until what lies before it has been read.
//
// An MP4 file is the same samples behind tables of them (package mp4), for players and editors that open nothing else: its
// recordings are read once more, when the plan is made, to know how long each picture is. G.711 and G.726, which no player
// finds there, become FLAC, without a loss.
//
// An export may go to a removable disk instead (carry.go): a folder of the files, written one export at a time, synced as it
// goes, and gone on with after the disk was pulled or the machine restarted. The disk is mounted by the system service.
//
// What is exported is whole GOPs: a file begins with the last keyframe at or before what was asked for, and ends before
// the first one at or after its end. A gap of more than 150 ms, or a change of format, begins a new file, and its manifest
// says why. What was recorded twice, on alarm and by the calendar, is there once.
//
// Recording comes first: reading is done at the lowest priority that the kernel's disk scheduler knows, a few MiB at a
// time, and waits while frames wait for a disk (Archive.Behind). Exports under way are bounded, as is what each holds in
// memory: its plan, the digests of one file, and three buffers.
//
// What an export reads is not deleted meanwhile, unless a volume has nothing else left to delete (Archive.Hold).
//
// Rows survive a restart; plans are made anew then. The end of what is asked for is settled when the export is created,
// so that the plan comes out the same although recording goes on. What has been deleted since makes it another: an ETag
// tells, and a download that was interrupted begins again.
//
// All exported methods may be called from any goroutine.
package export
