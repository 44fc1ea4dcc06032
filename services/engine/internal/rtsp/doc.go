// Package rtsp plays RTSP sessions whose RTP comes interleaved in the RTSP connection (RFC 2326 §10.12), with or
// without TLS. It is made for many cameras at once on few processors.
//
// It owns the connection, from dialling to TEARDOWN, and the way from its bytes to RTP packets. Messages, headers
// and session descriptions are parsed by gortsplib's packages; what is not common (UDP, multicast, tunnels, SRTP) is left
// to gortsplib's client altogether.
//
// Why not that client for all: it reads packet by packet, with a lock, two clock reads and some allocations each, and
// the runtime wakes it for each packet that comes. Here packets are handled where they lie in a large buffer, and a
// connection is looked at once in a tick (see type pacer), so that a camera costs the same few system calls however many
// packets its frames have.
//
// Invariants:
//   - A packet's payload aliases the read buffer: it is valid until the second function of OnRead was called.
//   - Nothing that a camera sends makes memory grow past bufferSize for a connection; what it may send at most is told at
//     the limits in split.go.
//   - Bytes that are no frame and no message are skipped up to what is, and end the session when they are too many.
//   - The password goes to the host that was dialled first, and only as its login asks for it.
//
// Concurrency: all methods but Close belong to one goroutine; callbacks run in Run or Play. Close may be called from
// anywhere, and ends Run. Each session has one more goroutine for a moment, when it is time for a keep-alive.
package rtsp
