package blocktrace

import (
	"fmt"
	"time"
)

// Stats is what requests ask of a disk.
type Stats struct {
	Reads, Writes, Flushes int
	ReadBytes, WriteBytes  int64
	// Places is how many requests do not begin where the one before ended: to each the arm must go.
	Places int
}

// Sum adds requests up.
func Sum(list []Request) (s Stats) {
	end := int64(-1)
	for _, q := range list {
		if q.Flush {
			s.Flushes++
		}
		if q.Size == 0 {
			continue
		}
		if q.Write {
			s.Writes++
			s.WriteBytes += q.Size
		} else {
			s.Reads++
			s.ReadBytes += q.Size
		}
		if q.Offset != end {
			s.Places++
		}
		end = q.Offset + q.Size
	}
	return s
}

const (
	// Seek is what going to another place takes a spinning disk, the turn of the platter included.
	Seek = 10 * time.Millisecond
	// spinning is what it reads and writes a second.
	spinning = 150 << 20
)

// Spinning estimates what the requests take a spinning disk that does one after the other as they come.
func (s Stats) Spinning() time.Duration {
	return time.Duration(s.Places)*Seek + time.Duration(float64(s.ReadBytes+s.WriteBytes)/spinning*float64(time.Second))
}

func (s Stats) String() string {
	return fmt.Sprintf("%d places: %d reads of %.1f MB, %d writes of %.1f MB, %d flushes", s.Places,
		s.Reads, float64(s.ReadBytes)/1e6, s.Writes, float64(s.WriteBytes)/1e6, s.Flushes)
}
