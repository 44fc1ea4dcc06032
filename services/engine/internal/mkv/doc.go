// Package mkv writes and reads the files that recordings are kept in: plain Matroska, in a layout that plays in any
// player while the file still grows and after a crash. FORMAT.md has the byte diagram.
//
// It owns the bytes of a segment, not the file: Writer makes whole clusters of frames, which it does not copy, and hands
// them over in pieces with the offset they belong at, so that its user decides when to write and when to sync. File reads through an io.ReaderAt up to
// a length given by the caller, and takes whatever lies beyond, or is torn, as not there. Only Repair opens files.
//
// Invariants:
//   - The first frame of a segment is a video keyframe when it has video; timestamp 0 is its presentation instant.
//   - Every cluster has a known size and a CRC-32; a cluster is whole or it does not count.
//   - What closing a file changes (size, SeekHead, Cues, Duration) was laid out when it was opened: nothing moves.
//
// Times: TimestampScale is 100 µs. A block's timestamp is 16 bits signed relative to its cluster's, so the scale bounds a
// cluster to 3.2 s, more than the 0.5 s that they have at most here, while one tick stays below the length of one sample of
// 8 kHz audio (125 µs): G.711 comes back exact to the sample, and AAC is exact because its frames lie on a grid of
// known pitch which a tick (4.8 samples at 48 kHz) cannot miss. The customary 1 ms could do neither.
//
// A Writer belongs to one goroutine; so does a Frames iterator. A File may be shared.
package mkv

// Element IDs, RFC 9559 section 5 and RFC 8794 section 11.
const (
	idEBML               = 0x1A45DFA3
	idEBMLVersion        = 0x4286
	idEBMLReadVersion    = 0x42F7
	idEBMLMaxIDLength    = 0x42F2
	idEBMLMaxSizeLength  = 0x42F3
	idDocType            = 0x4282
	idDocTypeVersion     = 0x4287
	idDocTypeReadVersion = 0x4285
	idVoid               = 0xEC
	idCRC32              = 0xBF

	idSegment      = 0x18538067
	idSeekHead     = 0x114D9B74
	idSeek         = 0x4DBB
	idSeekID       = 0x53AB
	idSeekPosition = 0x53AC

	idInfo           = 0x1549A966
	idSegmentUUID    = 0x73A4
	idPrevUUID       = 0x3CB923
	idTimestampScale = 0x2AD7B1
	idDuration       = 0x4489
	idDateUTC        = 0x4461
	idTitle          = 0x7BA9
	idMuxingApp      = 0x4D80
	idWritingApp     = 0x5741

	idTags        = 0x1254C367
	idTag         = 0x7373
	idTargets     = 0x63C0
	idSimpleTag   = 0x67C8
	idTagName     = 0x45A3
	idTagLanguage = 0x447A
	idTagString   = 0x4487

	idTracks       = 0x1654AE6B
	idTrackEntry   = 0xAE
	idTrackNumber  = 0xD7
	idTrackUID     = 0x73C5
	idTrackType    = 0x83
	idFlagLacing   = 0x9C
	idLanguage     = 0x22B59C
	idCodecID      = 0x86
	idCodecPrivate = 0x63A2
	idCodecDelay   = 0x56AA
	idSeekPreRoll  = 0x56BB
	idVideo        = 0xE0
	idPixelWidth   = 0xB0
	idPixelHeight  = 0xBA
	idAudio        = 0xE1
	idSamplingFreq = 0xB5
	idChannels     = 0x9F
	idBitDepth     = 0x6264

	idCluster     = 0x1F43B675
	idTimestamp   = 0xE7
	idSimpleBlock = 0xA3

	idCues               = 0x1C53BB6B
	idCuePoint           = 0xBB
	idCueTime            = 0xB3
	idCueTrackPositions  = 0xB7
	idCueTrack           = 0xF7
	idCueClusterPosition = 0xF1
)

const (
	tickNs = 100_000 // TimestampScale

	frontSize   = 16 << 10 // room for SeekHead and Cues
	seekRoom    = 128      // of it for the SeekHead
	unknownSize = 1<<56 - 1

	// A cluster ends when it is this long, so that what a power cut can take is bounded: its length plus one sync.
	clusterTicks = 5000
	// A keyframe starts a new cluster (and gets a cue) once the last that did is this far behind.
	keyframeTicks = 1000
	clusterBytes  = 8 << 20 // or this large
	maxBlockRel   = 32767   // ticks; blocks count relative to the cluster in 16 bits

	maxCluster = 64 << 20 // what the reader accepts
	maxHeader  = 1 << 20  // Info, Tags and Tracks, what the reader accepts

	// usualHeader is what the reader looks at first: our own headers are a small part of it, and a million files
	// may have to be looked into.
	usualHeader = 16 << 10

	// matroskaEpochNs is 2001-01-01 00:00:00 UTC, from which DateUTC counts, in ns since the Unix epoch.
	matroskaEpochNs = 978307200 * 1_000_000_000
)
