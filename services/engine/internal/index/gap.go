package index

import (
	"encoding/binary"
	"fmt"
)

// Cause says why a span has no frames. Values are those of the API.
type Cause string

// The causes.
const (
	CameraOffline  Cause = "camera_offline"
	Network        Cause = "network"
	CameraDisabled Cause = "camera_disabled"
	Disk           Cause = "disk"
	Overload       Cause = "overload"
	EngineRestart  Cause = "engine_restart"
	Power          Cause = "power"
	ClockStep      Cause = "clock_step"
	LostFile       Cause = "lost_file"
	Unscheduled    Cause = "unscheduled"
	Unknown        Cause = "unknown"
)

// Words says a cause to people.
func (c Cause) Words() string {
	switch c {
	case CameraOffline:
		return "The camera sent nothing."
	case Network:
		return "The camera could not be reached over the network."
	case CameraDisabled:
		return "The camera was switched off in the settings."
	case Disk:
		return "No disk could take the recording."
	case Overload:
		return "The disks were too slow; footage was left out."
	case EngineRestart:
		return "The video engine was restarted."
	case Power:
		return "The recorder was off."
	case ClockStep:
		return "The clock was set forward."
	case LostFile:
		return "The file is no longer on its disk."
	case Unscheduled:
		return "Nothing was to be recorded."
	case Unknown:
		return "Nobody noted why."
	}
	return string(c)
}

// Gap is a span of a camera without frames.
type Gap struct {
	Camera  string
	StartMs int64 // UTC
	EndMs   int64
	Cause   Cause
}

func (g Gap) value() []byte {
	return append(binary.AppendUvarint(nil, uint64(g.EndMs-g.StartMs)), g.Cause...)
}

func gapOf(row, value []byte) (Gap, error) {
	if len(row) != cameraLen+8 {
		return Gap{}, fmt.Errorf("index gap %x: bad key", row)
	}
	g := Gap{Camera: string(row[:cameraLen]), StartMs: int64(binary.BigEndian.Uint64(row[cameraLen:]))}
	duration, n := binary.Uvarint(value)
	if n <= 0 || int64(duration) < 0 {
		return Gap{}, fmt.Errorf("index gap of %s at %d: bad value", g.Camera, g.StartMs)
	}
	g.EndMs, g.Cause = g.StartMs+int64(duration), Cause(value[n:])
	return g, nil
}
