// Package pack cuts frames into RTP packets, and describes tracks as SDP does: the way out, as package ingest is the way in.
//
// What comes out is laid out as RTP lies within an RTSP connection (RFC 2326 §10.12), packet behind packet, so that all
// packets of a frame are sent by one write, and the same bytes serve those who want the packets one by one:
//
//	'$' 1 | channel 1 | length 2 | RTP header 12 (and extension) | RTP payload    ... the next
//
// A payload is passed on as it is: NAL units alone or in fragments (RFC 6184 FU-A, RFC 7798 FU), MPEG-4 part 2 cut where a
// packet is full (RFC 6416), JPEG without the headers that RFC 2435 has receivers make again (those that they cannot make
// go into ONVIF's header extension), AAC by RFC 3640 (AAC-hbr), all else as it lies.
//
// The same frame with the same head always gives the same bytes, so that nobody has to keep them: they can be made again.
// Nothing here keeps state or does I/O.
package pack
