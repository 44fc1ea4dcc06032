// Package capture writes the packets of an interface into a pcap file, as Wireshark and tcpdump read it: what a technician
// looks at when a camera does not speak as it should.
//
// Which packets is decided in the kernel (classic BPF), so that the streams of a hundred cameras cost nothing unless they are
// asked for. A capture ends with its time, with its size, or with its context, whichever comes first, and with who reads it:
// nothing is kept here. Packets that come faster than they are taken are dropped by the kernel, and counted; nothing waits
// for a capture. The interface is not made promiscuous: what is written is what the machine gets and sends.
//
// The file (libpcap's format, version 2.4, little endian) is a header of 24 bytes and for each packet one of 16:
//
//	header: 0xa1b2c3d4, 2, 4 (uint16 each), 0, 0, longest packet, 1 (Ethernet)
//	packet: seconds, microseconds, bytes that follow, bytes that it had
//
// A tag of 802.1Q is not in it: the kernel takes that off. Run may be called by many goroutines.
package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Snap is the longest packet that is written, in bytes: what leaves this machine may be larger than any link takes, because
// its card cuts it up.
const Snap = 1 << 16

// flushEvery is how long a packet may wait to be written on.
const flushEvery = 500 * time.Millisecond

// What ended a capture.
const (
	EndTime  = "time"
	EndSize  = "size"
	EndAsker = "asker"
)

// Limits bound a capture.
type Limits struct {
	Time  time.Duration
	Bytes int64 // of the file
}

// Result is what came of a capture.
type Result struct {
	Packets, Dropped int64
	End              string
}

// Run captures until a limit is reached or ctx ends. An error of w ends it, too.
func Run(ctx context.Context, nic *net.Interface, f Filter, l Limits, w io.Writer) (Result, error) {
	program, err := f.program()
	if err != nil {
		return Result{}, err
	}
	c, err := packet.Listen(nic, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: program})
	if err != nil {
		return Result{}, fmt.Errorf("capture on %s: %w", nic.Name, err)
	}
	defer c.Close()
	r := &recorder{w: w, room: l.Bytes}
	r.begin()
	end := time.Now().Add(l.Time)
	defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })()
	result := Result{End: EndTime}
	buffer := make([]byte, Snap)
	for result.End == EndTime && r.err == nil {
		now := time.Now()
		r.flush(now)
		if !now.Before(end) {
			break
		}
		if err := c.SetReadDeadline(earlier(end, now.Add(flushEvery))); err != nil {
			return result, err
		}
		if ctx.Err() != nil { // it may have ended before the deadline was set anew
			result.End = EndAsker
			break
		}
		n, _, err := c.ReadFrom(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return result, errors.Join(fmt.Errorf("capture on %s: %w", nic.Name, err), r.finish())
		case !r.add(time.Now(), buffer[:n]):
			result.End = EndSize
		default:
			result.Packets++
		}
	}
	if s, err := c.Stats(); err == nil {
		result.Dropped = int64(s.Drops)
	}
	return result, r.finish()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// recorder writes the file, a few packets at a time.
type recorder struct {
	w       io.Writer
	room    int64 // bytes that are left
	pending []byte
	flushed time.Time
	err     error
}

const (
	headerBytes = 24
	recordBytes = 16
	pendingMost = 64 << 10
)

func (r *recorder) begin() {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, Snap, 1} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	r.pending = b
	r.room -= headerBytes
}

// add takes a packet; false: there is no room for it.
func (r *recorder) add(at time.Time, frame []byte) bool {
	size := int64(recordBytes + len(frame))
	if size > r.room {
		return false
	}
	r.room -= size
	for _, v := range []uint32{uint32(at.Unix()), uint32(at.Nanosecond() / 1000), uint32(len(frame)), uint32(len(frame))} {
		r.pending = binary.LittleEndian.AppendUint32(r.pending, v)
	}
	r.pending = append(r.pending, frame...)
	if len(r.pending) >= pendingMost {
		r.flush(time.Time{})
	}
	return true
}

// flush writes what is pending, when its time has come; the zero time is now.
func (r *recorder) flush(now time.Time) {
	if len(r.pending) == 0 || r.err != nil || !now.IsZero() && now.Sub(r.flushed) < flushEvery {
		return
	}
	_, r.err = r.w.Write(r.pending)
	r.pending, r.flushed = r.pending[:0], now
}

func (r *recorder) finish() error {
	r.flush(time.Time{})
	return r.err
}
