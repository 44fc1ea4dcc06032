package rtsp

import (
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is the time between receiver reports of a track (RFC 3550 §6.2: 5 s at least).
const reportEvery = 10 * time.Second

// reception is what a receiver report says of one source (RFC 3550 §6.4.1, appendix A.3).
type reception struct {
	begun    bool
	ssrc     uint32
	first    uint32
	highest  uint32 // sequence number, extended by its wraps
	received uint32

	reported struct{ expected, received uint32 }
	lastNTP  uint32 // middle bits of the last sender report's NTP time
	lastAt   time.Time
}

func (r *reception) packet(ssrc uint32, seq uint16) {
	if !r.begun || r.ssrc != ssrc {
		*r = reception{begun: true, ssrc: ssrc, first: uint32(seq), highest: uint32(seq)}
	}
	if ahead := seq - uint16(r.highest); ahead < 0x8000 {
		r.highest += uint32(ahead)
	}
	r.received++
}

func (r *reception) senderReport(sr *rtcp.SenderReport, now time.Time) {
	if r.begun && sr.SSRC == r.ssrc {
		r.lastNTP, r.lastAt = uint32(sr.NTPTime>>16), now
	}
}

// report makes a receiver report. Jitter is left 0: arrival within a tick is not seen here.
func (r *reception) report(own uint32, now time.Time) *rtcp.ReceiverReport {
	expected := r.highest - r.first + 1
	b := rtcp.ReceptionReport{SSRC: r.ssrc, LastSequenceNumber: r.highest}
	if expected > r.received {
		b.TotalLost = min(expected-r.received, 0x7fffff)
	}
	interval, got := expected-r.reported.expected, r.received-r.reported.received
	if interval > got {
		b.FractionLost = uint8(min(255, uint64(interval-got)<<8/uint64(interval)))
	}
	r.reported.expected, r.reported.received = expected, r.received
	if !r.lastAt.IsZero() {
		b.LastSenderReport = r.lastNTP
		b.Delay = uint32(now.Sub(r.lastAt) * 65536 / time.Second)
	}
	return &rtcp.ReceiverReport{SSRC: own, Reports: []rtcp.ReceptionReport{b}}
}
