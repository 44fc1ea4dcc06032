// Package mirror is a small database that survives the loss of any disk: a bbolt file in RAM, and on every data volume a
// copy made of snapshots and a journal.
//
// It owns the files named after Config.Name in each folder it is given, and the bbolt file at Config.Path (a tmpfs: a
// memory map of a dying disk would kill the process).
//
// # Promise
//
// Update returns once the change is in RAM and on at least one volume (written and fdatasynced). The other copies follow
// by themselves, each at the pace of its own disk. When no copy can take the change, Update still succeeds, from RAM
// alone, and Volatile says so: an appliance whose disks are all gone goes on working and complains.
//
// Open takes up the newest intact state found in RAM or in any folder. A torn journal tail (the change was never
// acknowledged) is cut; a damaged copy is named and passed over; nothing in a folder is overwritten that belongs to
// another database or holds changes that this one lacks: it is moved to a folder of its own, called
// "<name>.aside-…".
//
// Every copy is read back from its disk once in Config.VerifyEvery; what is damaged is kept aside, and the copy written anew.
//
// # Concurrency
//
// All methods may be called from any goroutine. Updates are serial in RAM; each copy has one goroutine that writes what
// has piled up since its last fdatasync, so that many small updates a second share one. A disk that hangs hurts nobody
// else: its copy is declared failed after Config.StallAfter and tried again later with new files. After a write or fsync
// error a descriptor is never used again.
//
// # On disk
//
// In a folder, for a database called "engine":
//
//	engine.00000000000004d2.snap      the whole database at generation 1234 (hexadecimal)
//	engine.00000000000004d2.journal   the changes after generation 1234
//	engine.….tmp                      a snapshot in the making; removed when found
//	engine.aside-…/                   files kept aside; the four newest of these folders are kept
//
// The generation counts committed updates. A copy's state is its newest intact snapshot followed by every journal's
// frames with consecutive generations. A journal is superseded from the generation in the name of the next one on. The
// two newest snapshots are kept, with the journals from the older one on, so that an unreadable sector costs nothing.
//
// Snapshot and journal begin with the same header; integers are big-endian, CRCs are CRC-32C:
//
//	offset  size
//	     0     8  magic: "VIGIEMS1" snapshot, "VIGIEMJ1" journal
//	     8    16  database UUID: made when the database was created
//	    24     8  branch: random, new each time the database is opened
//	    32     8  generation: of the snapshot, or that the journal starts after
//	    40     8  UTC of creation, milliseconds since the Unix epoch
//	    48     8  length of the image (snapshot), 0 (journal)
//	    56     4  zero
//	    60     4  CRC of bytes 0 to 59
//
// A snapshot goes on with the bbolt file image and ends with the CRC (4 bytes) of the image. A journal goes on with
// frames, one for each update:
//
//	 0     4  length of the payload, at most 64 MiB
//	 4     4  CRC of UUID, branch, the 16 bytes at offset 8, the length, and the payload
//	 8     8  generation
//	16     8  UTC of the commit, milliseconds since the Unix epoch; of the write for a mark
//	24     n  payload: operations in order, each:
//	             1  kind: 1 put, 2 delete, 3 clear the bucket
//	             v  length of the bucket's name (unsigned varint), then the name
//	             v  length of the key, then the key           (put, delete)
//	             v  length of the value, then the value       (put)
//
// A frame without operations is a mark, which each write to the journal but the first begins with: all up to its generation was on disk
// before. A power cut tears a write in any place, so that whole frames may lie behind a torn one; only a mark behind it
// says that it was whole once, and is damaged. A journal without frames says nothing: it was begun before the snapshot
// that it belongs to.
//
// # Branches
//
// A disk that was away while the database went on, and changed elsewhere meanwhile, holds another history under the same
// UUID. Generations alone cannot tell; the list of branches does. The database keeps the list of (branch, first
// generation) of its own past; a copy at (branch, generation) is part of that past exactly if the branch is in the list
// and the next one began at or after that generation.
package mirror
