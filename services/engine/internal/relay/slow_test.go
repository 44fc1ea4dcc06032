package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/pack"
)

// padded makes frames large, by an SEI that means nothing.
func padded(frames []*media.Frame, size int) []*media.Frame {
	filler := make([]byte, size)
	filler[0] = 6
	binary.BigEndian.PutUint16(filler[1:], 5)
	var out []*media.Frame
	for _, f := range frames {
		big := *f
		big.Payload = append(append(binary.BigEndian.AppendUint32(nil, uint32(len(filler))), filler...), f.Payload...)
		out = append(out, &big)
	}
	return out
}

// reading is a talker that plays the camera.
func (s *served) reading(password string) *talker {
	s.t.Helper()
	k := s.talk("viewer", password)
	k.want("200", "SETUP", s.url("")+"/trackID=0", tcp)
	k.want("200", "PLAY", s.url(""))
	return k
}

// packet reads an interleaved frame.
func (k *talker) packet() (channel byte, b []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(k.r, head[:]); err != nil {
		return 0, nil, err
	}
	b = make([]byte, binary.BigEndian.Uint16(head[2:]))
	_, err = io.ReadFull(k.r, b)
	return head[1], b, err
}

func TestASlowReaderSkipsToAKeyframeAndSlowsNobody(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 10})
	cams := newCameras()
	s := serve(t, cams)
	_, password := s.account("viewer", nil)
	frames := padded(cameratest.Frames(time.Now(), v, nil, 250), 120<<10) // 24 Mbit/s: more than a socket holds for long
	over := pour(t, cams.ring, frames)
	slow, quick := s.reading(password), s.reading(password)
	for got := 0; got < 120; { // meanwhile the slow one takes nothing
		_, b, err := quick.packet()
		if err != nil {
			t.Fatalf("the quick one, after %d pictures: %v", got, err)
		}
		if p := new(rtp.Packet); p.Unmarshal(b) == nil && p.Marker && p.PayloadType == 96 {
			got++
		}
	}
	// Now it goes on: with a keyframe, behind a gap in the sequence numbers.
	last, gap, atKey := uint16(0), false, false
	for n := 0; !gap && n < 20_000; n++ {
		_, b, err := slow.packet()
		if err != nil {
			t.Fatalf("the slow one was let go: %v", err)
		}
		p := new(rtp.Packet)
		if p.Unmarshal(b) != nil || p.PayloadType != 96 {
			continue
		}
		if gap = n > 0 && last != 0 && p.SequenceNumber != last+1; gap {
			atKey = p.Payload[0]&0x1f == 28 && p.Payload[1]&0x80 != 0 // the SEI that each picture begins with
		}
		last = p.SequenceNumber
	}
	if !gap || !atKey {
		t.Errorf("gap %v, at the beginning of a picture %v", gap, atKey)
	}
	lost := int64(0)
	for _, r := range s.Readers() {
		lost += r.LostFrames
	}
	if lost == 0 {
		t.Error("nothing is counted as lost")
	}
	<-over
}

func TestAReaderThatTakesNothingAtAllIsLetGo(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	var mu sync.Mutex
	var why error
	o := newOutlet(near, func(err error) { mu.Lock(); why = err; mu.Unlock(); near.Close() })
	o.answer([]byte("x"))
	for range 70 { // it asks and asks
		o.answer(bytes.Repeat([]byte("x"), 1<<10))
	}
	o.close()
	mu.Lock()
	defer mu.Unlock()
	if why == nil || !strings.Contains(why.Error(), errSlow.Error()) {
		t.Errorf("ended by %v", why)
	}
}

func TestAReaderBeginsWithTheNewestKeyframeAndKnowsWhenItWasTaken(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 25, Frames: 50})
	cams := newCameras()
	s := serve(t, cams)
	_, password := s.account("viewer", nil)
	frames := cameratest.Frames(time.Now().Add(-time.Hour), v, cameratest.EncodeAudio(t, media.PCMA), 36) // a keyframe and ten more pictures
	for _, f := range frames {
		cams.ring.Push(f)
	}
	var key *media.Frame
	for _, f := range frames {
		if f.Track == 0 && f.Keyframe {
			key = f
		}
	}
	for range 2 { // the second finds the hub at work
		k := s.talk("viewer", password)
		k.want("200", "SETUP", s.url("")+"/trackID=0", tcp)
		h := k.want("200", "PLAY", s.url(""))
		if err := k.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		channel, b, err := k.packet()
		if err != nil || channel != 1 {
			t.Fatalf("channel %d, %v: the report does not come first", channel, err)
		}
		list, err := rtcp.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		report, ok := list[0].(*rtcp.SenderReport)
		if !ok || report.NTPTime != pack.NTP(key.TimeNs()) {
			t.Errorf("report %+v, want the time %x", list[0], pack.NTP(key.TimeNs()))
		}
		_, b, err = k.packet()
		p := new(rtp.Packet)
		if err != nil || p.Unmarshal(b) != nil || p.Timestamp != report.RTPTime {
			t.Errorf("the first packet is of %d, the report of %d, %v", p.Timestamp, report.RTPTime, err)
		}
		if info := h.Get("Rtp-Info"); !strings.Contains(info, "seq="+fmt.Sprint(p.SequenceNumber)) || !strings.Contains(info, "rtptime="+fmt.Sprint(p.Timestamp)) {
			t.Errorf("RTP-Info %q, first packet %d at %d", info, p.SequenceNumber, p.Timestamp)
		}
		whole := 0
		for whole < 11 {
			if _, b, err = k.packet(); err != nil {
				t.Fatal(err)
			}
			if p.Unmarshal(b) == nil && p.Marker {
				whole++
			}
		}
	}
}

func TestTimeStampsGoOnWhateverClocksDo(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 5, Frames: 5})
	h := newHub(camera, "main", newCameras(), nil)
	reader := h.attach([2]bool{true, false}, func() {})
	reports := 0
	now := time.Now()
	stamp := func(start time.Time) uint32 {
		h.push(cameratest.Frames(start, v, nil, 5), now)
		list, _ := reader.take(nil, now)
		for _, b := range list {
			if b[1] == 1 {
				reports++
			}
		}
		now = now.Add(200 * time.Millisecond)
		return h.entries[len(h.entries)-1].head.Timestamp
	}
	last := stamp(now)
	for _, jump := range []time.Duration{200 * time.Millisecond, -time.Hour, 24 * time.Hour, 0, -time.Millisecond} {
		next := stamp(now.Add(jump))
		if d := int32(next - last); d <= 0 || d > 90_000 {
			t.Errorf("after a jump of %v time stamps go by %d", jump, d)
		}
		last = next
	}
	if reports != 6 {
		t.Errorf("%d reports, want one ahead of each run", reports)
	}
}

func TestWhatAHubKeepsIsBounded(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 10})
	h := newHub(camera, "main", newCameras(), nil)
	behind := h.attach([2]bool{true, false}, func() {})
	now := time.Now()
	h.push(padded(cameratest.Frames(now, v, nil, 10), 200<<10), now)
	list, _ := behind.take(nil, now)
	for range 100 {
		frames := padded(cameratest.Frames(now, v, nil, 10), 200<<10)
		h.push(frames, now)
		now = now.Add(400 * time.Millisecond)
		if h.held > maxHeld+10*(220<<10) || h.packed > maxPacked+4*(220<<10) || len(h.keys) > 12 {
			t.Fatalf("%d bytes and %d of packets are held, %d keyframes", h.held, h.packed, len(h.keys))
		}
	}
	list, ok := behind.take(list[:0], now)
	if !ok || len(list) == 0 || behind.lost == 0 {
		t.Errorf("the reader that was behind: %v, %d pieces, %d lost", ok, len(list), behind.lost)
	}
	// One GOP without end loses its beginning; new readers wait for the next keyframe.
	endless := padded(cameratest.Frames(now, v, nil, 10), 200<<10)
	for i := range 400 {
		f := *endless[1+i%9]
		f.Run = endless[0].Run
		h.push([]*media.Frame{&f}, now)
	}
	if h.held > maxHeld {
		t.Errorf("%d bytes are held of one GOP", h.held)
	}
	if late := h.attach([2]bool{true, false}, func() {}); !late.seeking {
		t.Error("a reader begins in the middle of a GOP")
	}
}
