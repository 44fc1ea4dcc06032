package update

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
)

// Seen is the machine at a moment.
type Seen struct {
	At       time.Time
	Services []api.Service
	Volumes  []api.Volume
	Settled  bool // every disk there at boot has been looked at
	Cameras  []api.Camera
	// What did not answer, in words; "": it did.
	Engine, Web string
}

const (
	// enough is how many of the cameras that recorded before must record again.
	enough = 0.95
	// behind is how far the clock may be behind that of before: batteries drift.
	behind = time.Minute
)

// verdict says what is not well of a machine, in a sentence; "": all is.
func (t trial) verdict(s Seen) string {
	for _, v := range s.Services {
		if v.Status != api.ServiceStatusReady && !v.OnDemand {
			return strings.TrimSpace(fmt.Sprintf("The service %s is %s. %s", v.Name, v.Status, v.Reason))
		}
	}
	switch before := time.UnixMilli(t.StartedMs); {
	case len(s.Services) == 0:
		return "The supervisor does not say how the services are."
	case s.Web != "":
		return "The web admin does not answer: " + s.Web + "."
	case !s.Settled:
		return "The disks are still being looked at."
	case s.At.Before(before.Add(-behind)):
		return fmt.Sprintf("The clock is behind: it is %s, and was %s before the restart.", s.At.UTC().Format(time.DateTime), before.UTC().Format(time.DateTime))
	}
	for _, id := range t.Volumes {
		i := slices.IndexFunc(s.Volumes, func(v api.Volume) bool { return v.ID == id })
		switch {
		case i < 0:
			return fmt.Sprintf("The volume %.8s is not there any more.", id)
		case s.Volumes[i].Status != api.VolumeStatusMounted:
			return strings.TrimSpace(fmt.Sprintf("The volume %s cannot be used. %s", s.Volumes[i].Name, s.Volumes[i].Reason))
		}
	}
	if s.Engine != "" {
		return "The recorder does not answer: " + s.Engine + "."
	}
	return t.cameras(s.Cameras)
}

// cameras judges those that recorded before. One that was removed or switched off meanwhile, or of which nothing is to be
// recorded now, need not.
func (t trial) cameras(list []api.Camera) string {
	missing, first := 0, ""
	for _, id := range t.Cameras {
		i := slices.IndexFunc(list, func(c api.Camera) bool { return c.ID == id })
		if i < 0 || !list[i].Enabled || records(list[i]) || !wanted(list[i]) {
			continue
		}
		if missing++; first == "" {
			c := list[i]
			first = strings.TrimSpace(fmt.Sprintf("%s is %s. %s", c.Name, c.State.Status, c.State.Reason))
		}
	}
	if float64(len(t.Cameras)-missing) >= enough*float64(len(t.Cameras)) {
		return ""
	}
	return fmt.Sprintf("%d of %d cameras that were recorded before are not: %s", missing, len(t.Cameras), first)
}

// records says whether anything of a camera reaches a disk.
func records(c api.Camera) bool {
	return some(c, func(r api.RecordingState) bool { return r.Recording })
}

// wanted says whether anything of a camera ought to be recorded at the moment. Of one that was not connected to yet nothing is
// known: it ought to.
func wanted(c api.Camera) bool {
	return len(c.State.Streams) == 0 || some(c, func(r api.RecordingState) bool { return r.Scheduled })
}

func some(c api.Camera, is func(api.RecordingState) bool) bool {
	return slices.ContainsFunc(c.State.Streams, func(s api.StreamState) bool { return slices.ContainsFunc(s.Recordings, is) })
}
