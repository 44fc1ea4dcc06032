package mp4

import (
	"encoding/binary"
	"math"
	"time"

	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
)

// clock is the timescale of the movie, which all tracks share.
const clock = 10_000

// epoch1904 is 1904-01-01, from which creation times count, in seconds before the Unix epoch.
const epoch1904 = 2_082_844_800

var be = binary.BigEndian

// box appends a box with what fill appends as its content.
func box(b []byte, name string, fill func(b []byte) []byte) []byte {
	start := len(b)
	b = fill(append(append(b, 0, 0, 0, 0), name...))
	be.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// full is box with version and flags.
func full(b []byte, name string, version byte, flags uint32, fill func(b []byte) []byte) []byte {
	return box(b, name, func(b []byte) []byte {
		return fill(be.AppendUint32(b, uint32(version)<<24|flags))
	})
}

// u32 appends numbers of 32 bits.
func u32(b []byte, list ...uint32) []byte {
	for _, v := range list {
		b = be.AppendUint32(b, v)
	}
	return b
}

func zeros(b []byte, n int) []byte { return append(b, make([]byte, n)...) }

// matrix is that of a picture that is neither turned nor moved.
var matrix = [...]uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000}

// front writes everything before the samples, which begin at base.
func (f *Film) front(base int64) ([]byte, error) {
	b := box(nil, "ftyp", func(b []byte) []byte { return append(u32(append(b, "isom"...), 0x200), "isomiso2mp41"...) })
	var err error
	b = box(b, "moov", func(b []byte) []byte {
		b = full(b, "mvhd", 1, 0, func(b []byte) []byte {
			at := uint64(f.StartNs/int64(time.Second) + epoch1904)
			b = be.AppendUint64(be.AppendUint64(b, at), at)
			b = be.AppendUint64(u32(b, clock), uint64(f.duration()))
			b = zeros(u32(b, 0x10000, 0x01000000), 8) // rate and volume 1
			return u32(zeros(u32(b, matrix[:]...), 24), uint32(len(f.tracks))+1)
		})
		for i := range f.tracks {
			if len(f.tracks[i].pts) > 0 && err == nil {
				b, err = f.trak(b, i, base)
			}
		}
		return f.userData(b)
	})
	b = append(u32(b, 1), "mdat"...)
	return be.AppendUint64(b, uint64(f.bytes)+16), err
}

// duration is the film's in the movie's clock.
func (f *Film) duration() int64 { return ticks(f.EndNs-f.StartNs, clock) }

// ticks converts ns to a clock.
func ticks(ns, rate int64) int64 {
	return ns/int64(time.Second)*rate + (ns%int64(time.Second)*rate+int64(time.Second)/2)/int64(time.Second)
}

// trak writes a track.
func (f *Film) trak(b []byte, n int, base int64) ([]byte, error) {
	t, m := &f.tracks[n], &f.run.Tracks[n]
	times := t.schedule(f.lastDuration(n))
	seconds := max(f.EndNs-f.StartNs, int64(time.Second)/10)
	description, err := fmp4.Description(m, int64(float64(t.total)*8*float64(time.Second)/float64(seconds)))
	if err != nil {
		return nil, err
	}
	video := m.Codec.IsVideo()
	begins := times.startTicks * clock / int64(m.ClockRate)
	lasts := times.total * clock / int64(m.ClockRate)
	return box(b, "trak", func(b []byte) []byte {
		b = full(b, "tkhd", 0, 3, func(b []byte) []byte {
			b = u32(b, 0, 0, uint32(n+1), 0, uint32(begins+lasts), 0, 0)
			volume := uint32(0x01000000)
			if video {
				volume = 0
			}
			b = u32(u32(b, 0, volume), matrix[:]...)
			return u32(b, uint32(m.Width)<<16, uint32(m.Height)<<16)
		})
		if begins > 0 || times.delay > 0 {
			b = box(b, "edts", func(b []byte) []byte {
				return full(b, "elst", 0, 0, func(b []byte) []byte {
					if begins == 0 {
						return u32(b, 1, uint32(lasts), uint32(times.delay), 0x10000)
					}
					return u32(b, 2, uint32(begins), math.MaxUint32, 0x10000, uint32(lasts), uint32(times.delay), 0x10000)
				})
			})
		}
		return box(b, "mdia", func(b []byte) []byte {
			b = full(b, "mdhd", 0, 0, func(b []byte) []byte {
				return append(u32(b, 0, 0, uint32(m.ClockRate), uint32(times.delay+times.total)), 0x55, 0xc4, 0, 0) // language "und"
			})
			b = handler(b, video)
			return box(b, "minf", func(b []byte) []byte {
				if video {
					b = full(b, "vmhd", 0, 1, func(b []byte) []byte { return zeros(b, 8) })
				} else {
					b = full(b, "smhd", 0, 0, func(b []byte) []byte { return zeros(b, 4) })
				}
				b = box(b, "dinf", func(b []byte) []byte {
					return full(b, "dref", 0, 0, func(b []byte) []byte {
						return full(u32(b, 1), "url ", 0, 1, func(b []byte) []byte { return b }) // in this file
					})
				})
				return box(b, "stbl", func(b []byte) []byte { return t.tables(append(b, description...), m, times, base) })
			})
		})
	}), nil
}

func handler(b []byte, video bool) []byte {
	return full(b, "hdlr", 0, 0, func(b []byte) []byte {
		if video {
			return append(zeros(append(u32(b, 0), "vide"...), 12), "VideoHandler\x00"...)
		}
		return append(zeros(append(u32(b, 0), "soun"...), 12), "SoundHandler\x00"...)
	})
}

// lastDuration is how long the last sample of a track lasts: a picture up to the film's end.
func (f *Film) lastDuration(n int) int64 {
	t, m := &f.tracks[n], &f.run.Tracks[n]
	if t.duration > 0 || !m.Codec.IsVideo() {
		return max(t.duration, 1)
	}
	newest := int64(0)
	for _, p := range t.pts[max(len(t.pts)-64, 0):] {
		newest = max(newest, p)
	}
	return max(ticks(f.EndNs-f.StartNs, int64(m.ClockRate))-newest, 1)
}

// tables are those of the samples.
func (t *track) tables(b []byte, m *media.Track, times schedule, base int64) []byte {
	b = full(b, "stts", 0, 0, func(b []byte) []byte { return runs(b, times.deltas) })
	if times.shifted {
		version := byte(0)
		for _, v := range times.shifts {
			if v < 0 {
				version = 1
			}
		}
		b = full(b, "ctts", version, 0, func(b []byte) []byte { return runs(b, times.shifts) })
	}
	if m.Codec.IsVideo() && len(t.keys) < len(t.pts) {
		b = full(b, "stss", 0, 0, func(b []byte) []byte { return u32(u32(b, uint32(len(t.keys))), t.keys...) })
	}
	b = full(b, "stsc", 0, 0, func(b []byte) []byte {
		at, entries := len(b), uint32(0)
		b = u32(b, 0)
		for i, c := range t.chunks {
			if i == 0 || c.count != t.chunks[i-1].count {
				b = u32(b, uint32(i)+1, c.count, 1)
				entries++
			}
		}
		be.PutUint32(b[at:], entries)
		return b
	})
	b = full(b, "stsz", 0, 0, func(b []byte) []byte { return u32(u32(b, 0, uint32(len(t.sizes))), t.sizes...) })
	return full(b, "co64", 0, 0, func(b []byte) []byte {
		b = u32(b, uint32(len(t.chunks)))
		for _, c := range t.chunks {
			b = be.AppendUint64(b, uint64(base+c.offset))
		}
		return b
	})
}

// runs writes numbers as how often each comes one after another.
func runs(b []byte, list []int32) []byte {
	at, entries := len(b), uint32(0)
	b = u32(b, 0)
	for i := 0; i < len(list); {
		k := i + 1
		for k < len(list) && list[k] == list[i] {
			k++
		}
		b = u32(b, uint32(k-i), uint32(list[i]))
		entries++
		i = k
	}
	be.PutUint32(b[at:], entries)
	return b
}

// userData has the title and what was asked for, as chapters the way Nero writes them.
func (f *Film) userData(b []byte) []byte {
	return box(b, "udta", func(b []byte) []byte {
		b = full(b, "chpl", 1, 0, func(b []byte) []byte {
			from, to := max(f.FromNs-f.StartNs, 0), max(min(f.ToNs, f.EndNs)-f.StartNs, 0)
			type chapter struct {
				at   int64
				name string
			}
			list := []chapter{{from, "The range asked for"}}
			if from > 0 {
				list = append([]chapter{{0, "Before the range asked for"}}, list...)
			}
			if to > from && f.StartNs+to < f.EndNs {
				list = append(list, chapter{to, "After the range asked for"})
			}
			b = append(u32(b, 0), byte(len(list)))
			for _, c := range list {
				b = append(be.AppendUint64(b, uint64(c.at/100)), byte(len(c.name)))
				b = append(b, c.name...)
			}
			return b
		})
		return full(b, "meta", 0, 0, func(b []byte) []byte {
			b = full(b, "hdlr", 0, 0, func(b []byte) []byte { return zeros(append(u32(b, 0), "mdirappl"...), 9) })
			return box(b, "ilst", func(b []byte) []byte {
				return box(b, "\xa9nam", func(b []byte) []byte {
					return box(b, "data", func(b []byte) []byte { return append(u32(b, 1, 0), f.Title...) })
				})
			})
		})
	})
}
