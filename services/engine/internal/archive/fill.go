package archive

import (
	"fmt"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/retention"
)

// DefaultWarnPercent is from which filling on it is warned, unless set otherwise. A volume that is full of recordings stands
// at its limit, which is as it should be: it is warned above it, when something else fills the volume.
const DefaultWarnPercent = 98

// SystemWarnPercent is the same of a system disk's partition for settings, which nothing ought to fill.
const SystemWarnPercent = 90

// WarnPercent is from which filling of a volume, or of a system disk, it is warned; 0: never.
func (a *Archive) WarnPercent(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.warnLocked(id)
}

func (a *Archive) warnLocked(id string) int {
	switch row := a.known[id]; {
	case row.WarnPercent != nil:
		return *row.WarnPercent
	case a.cfg.SystemDisk(id):
		return SystemWarnPercent
	default:
		return max(DefaultWarnPercent, a.limitLocked(id)+1)
	}
}

// overfilled warns of a volume that is filled too far; "": it is not.
func overfilled(name string, size, free int64, percent int) string {
	if percent == 0 || size == 0 || (size-free)*100 < size*int64(percent) {
		return ""
	}
	return fmt.Sprintf("Volume %s is filled to %d %%; this warning is set to %d %%.", name, (size-free)*100/size, percent)
}

// SystemDisk tells how full a system disk's partition for settings is, and warns when it is too full.
func (a *Archive) SystemDisk(v api.Volume) (fill api.SystemDiskFill, warning string) {
	fill = api.SystemDiskFill{ID: v.ID, Name: v.Name, SizeBytes: v.SizeBytes, FreeBytes: v.FreeBytes, WarnPercent: a.WarnPercent(v.ID)}
	return fill, overfilled(v.Name, v.SizeBytes, v.FreeBytes, fill.WarnPercent)
}

// fillIn adds of what a volume is full, how fast it fills, and how long that can go on.
func (v *volume) fillIn(av *api.RecordingVolume, bytesPerDay int64) {
	room := retention.Volume{SizeBytes: av.SizeBytes, FreeBytes: av.FreeBytes, LimitPercent: av.LimitPercent}
	av.LimitBytes = room.Limit()
	av.OtherBytes = max(0, av.SizeBytes-av.FreeBytes-av.RecordingBytes)
	av.BytesPerDay = bytesPerDay
	av.DaysLeft = daysLeft(left(room), bytesPerDay)
	mean, most := v.rounds.lately(time.Now())
	av.WriteLatencyUs, av.WriteLatencyMaxUs = mean.Microseconds(), most.Microseconds()
}

// left is what may still be written before something must go; 0 for a volume that deletion keeps at its limit.
func left(room retention.Volume) int64 {
	used := room.SizeBytes - room.FreeBytes
	if l := room.Limit() - used; l > 2*room.Slack() {
		return l
	}
	return 0
}

func daysLeft(bytes, perDay int64) float64 {
	if bytes <= 0 || perDay <= 0 {
		return 0
	}
	return float64(bytes) / float64(perDay)
}

// foreseen is what is recorded a day, and for how many days there is room on the volumes that take it.
func foreseen(volumes []api.RecordingVolume, cameras []cameraUse) (perDay int64, days float64) {
	for _, c := range cameras {
		perDay += c.bytesPerDay
	}
	var free int64
	for _, v := range volumes {
		if !v.Retired && (v.Status == api.RecordingVolumeStatus(OK) || v.Status == api.RecordingVolumeStatus(Full)) {
			free += left(retention.Volume{SizeBytes: v.SizeBytes, FreeBytes: v.FreeBytes, LimitPercent: v.LimitPercent})
		}
	}
	return perDay, daysLeft(free, perDay)
}
