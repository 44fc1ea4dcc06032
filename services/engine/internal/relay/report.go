package relay

import (
	"github.com/pion/rtcp"

	"vigie/services/engine/internal/relay/pack"
)

// report makes an RTCP sender report (RFC 3550 §6.4.1) that tells the true instant of a time stamp, laid out as packets are.
func (fl *flow) report(m int, ns int64, timestamp uint32) []byte {
	b, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: fl.ssrc, NTPTime: pack.NTP(ns), RTPTime: timestamp, PacketCount: fl.packets, OctetCount: fl.bytes},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: fl.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "vigie"}}}}},
	})
	if err != nil {
		return nil // cannot be: all of it is ours
	}
	return append([]byte{'$', byte(2*m + 1), byte(len(b) >> 8), byte(len(b))}, b...)
}
