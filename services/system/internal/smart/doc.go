// Package smart watches the health of disks: it asks each one now and then what it knows about itself (SMART, and its
// relatives of NVMe and SCSI), judges the answer, and starts the tests that disks make of themselves.
//
// The asking is done by the smart service, which runs smartctl: it has the rights that take, and this one has not. What a
// disk does not answer within a minute is given up; nobody else waits meanwhile, neither other disks nor the end of this
// service.
//
// A disk that sleeps is not woken: smartctl asks for the power mode first (CHECK POWER MODE, which wakes nobody) and
// leaves it alone. What was known before stays known.
//
// What is wrong with a disk is a set of conditions, decided by a pure function of the answer and of the conditions before
// (Judge), which needs more to let go of one than to see it. A condition that comes or goes is an event.
//
// Concurrency: Watch.Run starts a goroutine for each disk and waits for none that hangs; the other methods may be called
// from anywhere and never wait for a disk.
package smart
