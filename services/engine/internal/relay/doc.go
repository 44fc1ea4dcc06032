// Package relay serves the cameras' streams to other programs by RTSP (RFC 2326), untouched: what a camera sent is cut into
// packets again, and nothing of it is decoded or changed.
//
// It owns the listeners, the connections of readers and their sessions, and for each stream that is read a hub. It must not
// slow recording: what it reads from rings it reads as a lossy reader, as package live does.
//
// Hub: one for each stream that somebody reads, however many. It takes frames from the stream's ring, cuts each into packets
// once, and keeps what is left of the newest GOP, and of older ones as long as a reader within maxLag wants it. All readers
// of a stream get the same packets: same sequence numbers, time stamps and SSRC. A frame's packets are one piece of memory
// (see package pack), and are sent to a reader by one system call, from the hub's own goroutine, unless its socket is full.
// Only then a goroutine waits for the socket, and catches up. What a reader costs beside that call is next to nothing; it
// is the call, for all packets of a frame instead of one of them, that makes a relay cheap or dear.
//
// Invariants:
//   - A reader begins with the newest keyframe that there is, and an RTCP sender report before it: from the first frame on
//     it knows when each was taken.
//   - A reader further behind than maxLag goes on with the newest keyframe; what it missed is counted. It costs a bounded
//     buffer in the kernel, and slows neither others nor the hub.
//   - Time stamps go on without a jump of more than was waited, whatever a camera's or this machine's clock does; sender
//     reports tell the true time of each run, and one goes ahead of the first frame of each.
//   - Nobody reads without an account that may; accounts that change, end or go take their readers along at once.
//   - What clients send makes no memory grow beyond a message each, and unknown ones are let go after helloWithin.
//   - A session belongs to the connection that it was set up by, and ends with it.
//
// Concurrency: locks are taken in this order: outlet, hub. A hub has one goroutine; a connection has one that reads, and one
// more while it writes to a full socket.
package relay
