package relay

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/pack"
	"vigie/services/engine/internal/source"
)

const (
	maxLag = 2 * time.Second // behind the newest frame before a reader goes on with the newest keyframe
	// maxHeld bounds the frames that a hub keeps, in bytes of payload; a GOP beyond it loses its beginning.
	maxHeld = 32 << 20
	// maxPacked bounds the packets that a hub keeps of them, for readers that are a little behind. Others have them made again.
	maxPacked   = 512 << 10
	reportEvery = 5 * time.Second // between RTCP sender reports
	// idleAfter is how long a hub stays without anybody: from DESCRIBE to PLAY, and for who comes back soon.
	idleAfter = 10 * time.Second
)

// hub is one stream on its way to its readers.
type hub struct {
	camera, stream string
	cameras        source.Streams
	log            *slog.Logger

	mu      sync.Mutex
	run     *media.Run // of the newest frame; nil: none has come
	medias  [2]*flow   // picture and sound; nil: the stream has none
	entries []entry
	base    uint64   // sequence of entries[0]
	keys    []uint64 // of keyframes that are held
	held    int      // bytes of payload
	packed  int      // bytes of packets
	unpack  uint64   // the oldest entry that may have packets
	cursors []*cursor
	fresh   chan struct{} // closed, and replaced, when run or medias change
	shiftNs int64         // by which time stamps differ from true time
	lastNs  int64         // shifted time of the newest frame
	lastAt  time.Time
	notify  []*cursor // of the goroutine
	closed  bool
	users   int       // requests that need it now
	idle    time.Time // since when there is nobody
}

// flow is one media of a stream, in RTP's terms.
type flow struct {
	track     media.Track
	type_     byte
	ssrc      uint32
	sequence  uint16 // of the next packet
	offset    uint32 // of its time stamps
	packets   uint32
	bytes     uint32
	reported  time.Time
	announced *media.Run // the run whose format readers know
}

// entry is a frame and what is told of it, or a report.
type entry struct {
	media    int
	frame    *media.Frame // nil: a report
	sets     pack.Sets
	track    *media.Track
	head     pack.Head
	packets  []byte // nil: to be made again
	at       time.Time
	keyframe bool
}

func newHub(camera, stream string, cameras source.Streams, log *slog.Logger) *hub {
	return &hub{camera: camera, stream: stream, cameras: cameras, log: log, fresh: make(chan struct{}), idle: time.Now(), shiftNs: int64(rand.Uint32())}
}

// follow takes frames until ctx ends, or the camera is gone.
func (h *hub) follow(ctx context.Context) {
	defer h.close()
	f := source.Follow(ctx, h.cameras, h.camera, h.stream, maxLag)
	defer f.Close()
	var frames [32]*media.Frame
	for {
		n, _, err := f.Read(frames[:])
		if err != nil {
			return
		}
		h.push(frames[:n], time.Now())
		clear(frames[:n])
	}
}

// close tells the readers that nothing more comes.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	close(h.fresh)
	h.fresh = make(chan struct{})
	cursors := slices.Clone(h.cursors)
	h.mu.Unlock()
	for _, c := range cursors {
		c.wake()
	}
}

// absent says why nothing has come.
func (h *hub) absent() error {
	view, err := h.cameras.View(h.camera, h.stream)
	switch {
	case err != nil:
		return err
	case view.State.Status == api.CameraStateStatusDisabled:
		return errors.New("the camera is switched off")
	case view.State.Reason != "":
		return errors.New(view.State.Reason)
	}
	return errors.New("the camera has sent nothing yet")
}

// push takes frames and tells the readers.
func (h *hub) push(frames []*media.Frame, now time.Time) {
	h.mu.Lock()
	for _, f := range frames {
		h.add(f, now)
	}
	h.trim(now)
	h.notify = append(h.notify[:0], h.cursors...)
	h.mu.Unlock()
	for _, c := range h.notify {
		c.wake()
	}
}

// add takes a frame; mu is held.
func (h *hub) add(f *media.Frame, now time.Time) {
	if f.Run != h.run {
		h.begin(f, now)
	}
	h.lastNs, h.lastAt = f.TimeNs()+h.shiftNs, now
	m := 1
	if f.Track == f.Run.Video() {
		m = 0
	}
	fl := h.medias[m]
	if fl == nil {
		return
	}
	key := m == 0 && f.Keyframe
	if now.Sub(fl.reported) >= reportEvery && (m == 1 || key || now.Sub(fl.reported) >= 2*reportEvery) {
		fl.reported = now
		h.append(entry{media: m, at: now, packets: fl.report(m, f.TimeNs(), fl.stampOf(f, h.shiftNs))})
	}
	e := entry{media: m, frame: f, track: &fl.track, at: now, keyframe: key,
		head: pack.Head{Channel: byte(2 * m), Type: fl.type_, SSRC: fl.ssrc, Sequence: fl.sequence, Timestamp: fl.stampOf(f, h.shiftNs)}}
	if key && fl.announced != f.Run {
		if fl.track.Codec.HasNALUs() && !pack.HasSets(fl.track.Codec, f.Payload) {
			e.sets = pack.ParameterSets(&fl.track)
		}
		fl.announced = f.Run
	}
	b, n, err := e.pack()
	if err != nil {
		h.log.Debug("frame cannot be relayed", "camera", h.camera, "stream", h.stream, "err", err)
		return
	}
	e.packets = b
	fl.sequence += uint16(n)
	fl.packets += uint32(n)
	fl.bytes += uint32(len(f.Payload))
	h.append(e)
}

// pack makes the packets of a frame.
func (e *entry) pack() ([]byte, int, error) {
	size := len(e.frame.Payload)
	return pack.Append(make([]byte, 0, size+size/64+256), e.head, e.track, e.sets, e.frame.Payload)
}

func (h *hub) append(e entry) {
	at := h.base + uint64(len(h.entries))
	if e.keyframe {
		h.keys = append(h.keys, at)
	}
	h.entries = append(h.entries, e)
	if e.frame != nil {
		h.held += len(e.frame.Payload)
	}
	h.packed += len(e.packets)
}

// begin takes up a new run; mu is held. Readers of a media that is another from now on are let go: they cannot know it.
func (h *hub) begin(f *media.Frame, now time.Time) {
	first := h.run == nil
	h.run = f.Run
	for m := range h.medias {
		var track *media.Track
		for i := range f.Run.Tracks {
			if t := &f.Run.Tracks[i]; t.Codec.IsVideo() == (m == 0) && track == nil {
				track = t
			}
		}
		h.medias[m] = h.continued(m, h.medias[m], track)
	}
	if !first {
		waited := now.Sub(h.lastAt)
		if d := time.Duration(f.TimeNs() + h.shiftNs - h.lastNs); d <= 0 || d > waited+time.Minute {
			h.shiftNs += int64(max(waited, time.Millisecond) - d)
		}
	}
	for _, fl := range h.medias {
		if fl != nil {
			fl.reported = time.Time{}
		}
	}
	close(h.fresh)
	h.fresh = make(chan struct{})
}

// continued returns the flow that goes on with a track.
func (h *hub) continued(m int, old *flow, track *media.Track) *flow {
	same := old != nil && track != nil && old.track.Codec == track.Codec && old.track.ClockRate == track.ClockRate &&
		old.track.Channels == track.Channels && (m == 0 || string(old.track.Config) == string(track.Config))
	if same {
		next := *old
		next.track = *track
		return &next
	}
	if old != nil {
		for _, c := range h.cursors {
			if c.want[m] {
				c.outdated = true
			}
		}
	}
	if track == nil {
		return nil
	}
	d, err := pack.Describe(track)
	if err != nil {
		return nil
	}
	return &flow{track: *track, type_: d.Type, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), offset: rand.Uint32()}
}

// trim lets go of what nobody needs; mu is held.
func (h *hub) trim(now time.Time) {
	head := h.base + uint64(len(h.entries))
	for len(h.keys) > 1 && (h.held > maxHeld || !h.wanted(h.keys[1], now)) {
		h.drop(h.keys[1])
	}
	if len(h.keys) > 0 && h.keys[0] > h.base && (h.held > maxHeld || !h.wanted(h.keys[0], now)) {
		h.drop(h.keys[0])
	}
	if h.held > maxHeld {
		h.drop(h.base + uint64(len(h.entries)/2))
	}
	for h.unpack = max(h.unpack, h.base); h.packed > maxPacked && h.unpack+1 < head; h.unpack++ {
		if e := &h.entries[h.unpack-h.base]; e.frame != nil {
			h.packed -= len(e.packets)
			e.packets = nil
		}
	}
}

// wanted tells whether a reader that is not too far behind wants something before sequence end.
func (h *hub) wanted(end uint64, now time.Time) bool {
	return slices.ContainsFunc(h.cursors, func(c *cursor) bool {
		return !c.seeking && c.next >= h.base && c.next < end && now.Sub(h.entries[c.next-h.base].at) <= maxLag
	})
}

// drop lets go of all before sequence end.
func (h *hub) drop(end uint64) {
	n := int(end - h.base)
	for i := range h.entries[:n] {
		if e := &h.entries[i]; e.frame != nil {
			h.held -= len(e.frame.Payload)
		}
		h.packed -= len(h.entries[i].packets)
	}
	h.entries = slices.Delete(h.entries, 0, n)
	h.base = end
	h.keys = slices.DeleteFunc(h.keys, func(k uint64) bool { return k < end })
}

// stamp is the time stamp of a shifted instant.
func (fl *flow) stamp(ns int64) uint32 {
	rate := int64(fl.track.ClockRate)
	const second = int64(time.Second)
	return fl.offset + uint32(ns/second*rate+ns%second*rate/second)
}

// stampOf is the time stamp of a frame: as many ticks behind the beginning of its run as the camera said.
func (fl *flow) stampOf(f *media.Frame, shiftNs int64) uint32 {
	return fl.stamp(f.Run.StartNs+shiftNs) + uint32(f.PTSTicks)
}
