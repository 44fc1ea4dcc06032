// Package md makes, starts and looks after arrays of disks (Linux RAID): what can be made of which disks, when an array
// that was found is started, how it is, and how fast it may bring itself in order. The raid service does the work with mdadm;
// what needs no more than a word to the kernel is said here.
//
// Rules that hold for every array:
//
//   - It has metadata 1.2, an internal bitmap, so that a disk that was away for a while needs only what changed, and for
//     RAID 5 a partial parity log instead (PPL), so that a power cut while a disk is missing leaves no hole. RAID 0 has
//     neither.
//   - It is never taken for clean when it is made (--assume-clean): its members are not equal, and would differ for ever.
//   - It carries its machine's mark. One that carries another's is shown, and not started unasked: it may be part of a
//     machine that is being repaired, and starting an array writes to it.
//   - It is started at once when all its members are there, and without some only after a while (Patience): they may be
//     slow to start. What starts without redundancy is an event. In rescue mode a person decides both.
//
// What can be decided without a disk is a pure function here: ShapeOf, Plan, Next.
package md
