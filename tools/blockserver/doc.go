// Package blockserver is a disk with a write cache that forgets: for virtual machines whose power is cut. It is no part of
// the appliance.
//
// QEMU reaches the disk by the NBD protocol over a unix socket. A write is answered when it is in the cache; a flush, or a
// write that asks for it (FUA), when it is on the medium, as disks do. Cut takes the power away: of what was not flushed,
// a random choice reaches the medium, see Cut; nothing is answered any more until On. What is on the medium is a plain
// raw file.
//
// Specification: the NBD protocol as QEMU speaks it: fixed newstyle handshake with NBD_OPT_GO or NBD_OPT_EXPORT_NAME,
// simple replies, NBD_CMD_READ, WRITE, FLUSH, TRIM, WRITE_ZEROES and DISC.
//
// Record notes all that a disk is asked to do. From such a Log comes what a power cut at any moment of it leaves, as often as
// one likes, while the machine ran once: Replay goes on to that moment, and its Cut is what Remains, to be looked into or to be
// started from.
//
// Stats counts what a disk's arm would have to do: writes, and those that do not go on where the one before ended.
package blockserver
