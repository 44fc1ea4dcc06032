package sysconfig

import (
	"fmt"
	"regexp"
	"slices"
)

// MaxSetAt is at how many times of the day the clock may be set.
const MaxSetAt = 24

// Time is what an administrator chose for the clock besides its servers and the zone. The zero value keeps the clock
// right all the time.
type Time struct {
	// SetAt are times of the day ("15:04", by TimeZone) at which the clock is set; none means all the time.
	SetAt []string `json:"setAt,omitempty"`
	// Server is the NTP server for cameras and other devices.
	Server TimeServer `json:"server,omitzero"`
}

// TimeServer is the configuration of the NTP server.
type TimeServer struct {
	// Enabled is nil where nobody chose: then the server is on once an interface is in the cameras' zone.
	Enabled *bool `json:"enabled,omitempty"`
	// OrphanStratum is the stratum (2 to 15) that is told while the clock is not synchronised; 0 tells that it is not.
	OrphanStratum int `json:"orphanStratum,omitempty"`
}

// ServesTime tells whether the NTP server is on.
func (c Config) ServesTime() bool {
	if on := c.Time.Server.Enabled; on != nil {
		return *on
	}
	return slices.ContainsFunc(c.Network.Ports(), func(p Port) bool { return slices.Contains(p.Zones, ZoneCameras) })
}

func (t Time) clone() Time {
	t.SetAt = slices.Clone(t.SetAt)
	if t.Server.Enabled != nil {
		on := *t.Server.Enabled
		t.Server.Enabled = &on
	}
	return t
}

func timeOfDay() *regexp.Regexp { return regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`) }

func (t Time) validate() error {
	if len(t.SetAt) > MaxSetAt {
		return &FieldError{"setAt", fmt.Sprintf("There are %d times; at most %d can be used.", len(t.SetAt), MaxSetAt)}
	}
	for i, s := range t.SetAt {
		if !timeOfDay().MatchString(s) {
			return &FieldError{"setAt", fmt.Sprintf("%q is no time of the day. Write it with two digits each, as in 03:30.", clip(s))}
		}
		if slices.Contains(t.SetAt[:i], s) {
			return &FieldError{"setAt", fmt.Sprintf("%s is in the list twice.", s)}
		}
	}
	if n := t.Server.OrphanStratum; n != 0 && (n < 2 || n > 15) {
		return &FieldError{"orphanStratum", fmt.Sprintf("%d is no stratum for a clock that is not synchronised: choose 2 to 15, or 0 for none.", n)}
	}
	return nil
}
