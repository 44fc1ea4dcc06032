// Package screen lays out what the text console shows of the machine: plain lines of ASCII for 80 columns, and a QR code
// of the web admin's address.
//
// It is pure: the same state gives the same lines. What comes from disks, networks and people is made printable, so that
// no name steers the terminal.
package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/services/web/webapi"
)

// Columns is how wide a terminal is at least.
const Columns = 80

// Status is the machine at a glance, in lines of at most width characters and about 16 lines.
func Status(s machine.State, width int) []string {
	var b builder
	b.width = width
	title := "Vigie"
	if s.System != nil {
		title += " " + s.System.Version + " on " + s.System.Hostname
	}
	b.line("%s", title)
	b.line("")
	b.address(s)
	b.clock(s.System)
	b.cameras(s.Web)
	b.disks(s.System)
	b.warnings(s)
	return b.lines
}

type builder struct {
	width int
	lines []string
}

// line adds a line, cut to the width.
func (b *builder) line(format string, args ...any) {
	b.lines = append(b.lines, clip(printable(fmt.Sprintf(format, args...)), b.width))
}

// item adds "Name      text", wrapped.
func (b *builder) item(name, text string) {
	const indent = 10
	for i, l := range wrap(printable(text), b.width-indent) {
		if i > 0 {
			name = ""
		}
		b.lines = append(b.lines, fmt.Sprintf("%-*s%s", indent, name, l))
	}
}

func (b *builder) address(s machine.State) {
	switch {
	case s.Web == nil:
		b.item("Web", "The web admin does not answer. It is restarted by itself if that lasts.")
		return
	case !s.Web.Opened:
		b.item("Web", "Looking at the disks for earlier settings.")
		return
	case len(s.Web.URLs) == 0:
		b.item("Open", "No network address yet: check the cable and the DHCP server, or set an address here.")
	}
	const most = 4
	for i, u := range s.Web.URLs {
		if i == most {
			b.item("", fmt.Sprintf("and %d more", len(s.Web.URLs)-most))
			break
		}
		name := ""
		if i == 0 {
			name = "Open"
		}
		b.item(name, u)
	}
	b.line("Certificate SHA-256")
	half := (len(s.Web.Fingerprint) + 1) / 2
	b.line("%s", strings.TrimSuffix(s.Web.Fingerprint[:half], ":"))
	b.line("%s", s.Web.Fingerprint[half:])
	if s.Web.SetupCode != "" {
		b.item("Code", s.Web.SetupCode+"  for the first set-up")
	}
	if r := s.Web.Reset; r != nil {
		b.item("Code", r.Code+"  to reset the password of "+r.Username)
	}
}

func (b *builder) clock(s *api.Status) {
	if s == nil {
		b.item("System", "The system service does not answer. It is restarted by itself if that lasts.")
		return
	}
	zone, err := time.LoadLocation(s.Clock.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	text := time.UnixMilli(s.Clock.NowMs).In(zone).Format("2006-01-02 15:04 MST")
	switch {
	case s.Clock.Status == api.ClockStatusSynchronised && s.Clock.Server != "":
		text += ", by " + s.Clock.Server
	case s.Clock.Status == api.ClockStatusSynchronised:
		text += ", synchronised"
	default:
		text += ", not synchronised"
	}
	b.item("Clock", text)
}

func (b *builder) cameras(s *webapi.Console) {
	switch {
	case s == nil:
	case s.Cameras == nil:
		b.item("Cameras", "The engine does not answer. It is restarted by itself if that lasts.")
	case s.Cameras.Total == 0:
		b.item("Cameras", "none yet")
	default:
		c := s.Cameras
		text := fmt.Sprintf("%d of %d send pictures, %d are being recorded", c.Live, c.Enabled, c.Recording)
		if off := c.Total - c.Enabled; off > 0 {
			text += fmt.Sprintf(", %d switched off", off)
		}
		b.item("Cameras", text)
	}
}

func (b *builder) disks(s *api.Status) {
	if s == nil {
		return
	}
	var parts []string
	for _, d := range s.Disks {
		if d.Removable && d.Use != api.DiskUseVolume {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", d.Serial, size(d.SizeBytes), uses(d, s.Volumes)))
	}
	const most = 6
	switch {
	case len(parts) == 0 && !s.StorageSettled:
		b.item("Disks", "being looked at")
		return
	case len(parts) == 0:
		b.item("Disks", "none: nothing can be recorded")
		return
	case len(parts) > most:
		parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	b.item("Disks", strings.Join(parts, ", "))
}

func uses(d api.Disk, volumes []api.Volume) string {
	at := slices.IndexFunc(volumes, func(v api.Volume) bool { return v.ID == d.Volume && d.Volume != "" })
	switch {
	case at >= 0 && volumes[at].Status == api.VolumeStatusMounted:
		return "volume"
	case at >= 0:
		return "volume " + string(volumes[at].Status)
	}
	return string(d.Use)
}

func (b *builder) warnings(s machine.State) {
	var all []string
	if s.Web != nil {
		all = append(all, s.Web.Warnings...)
	}
	if s.System != nil {
		for _, v := range s.System.Services {
			if v.Status != api.ServiceStatusReady && !(v.OnDemand && v.Status == api.ServiceStatusStopped) {
				all = append(all, fmt.Sprintf("Service %s is %s.", v.Name, v.Status))
			}
		}
		for _, v := range s.System.Volumes {
			if v.Reason != "" {
				all = append(all, "Volume "+v.Name+": "+v.Reason)
			}
		}
	}
	if len(all) == 0 {
		b.item("Warnings", "none")
		return
	}
	const most = 3
	for i, w := range all {
		if i == most {
			b.item("", fmt.Sprintf("and %d more, in the web admin", len(all)-most))
			break
		}
		name := ""
		if i == 0 {
			name = "Warnings"
		}
		b.item(name, w)
	}
}

// Bytes is a number of bytes as disks are sold.
func Bytes(n int64) string { return size(n) }

// size is a number of bytes as disks are sold.
// Size is a number of bytes as people say it.
func Size(n int64) string { return size(n) }

func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	v, u := float64(n), 0
	for v >= 1000 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	if v >= 10 || v == float64(int64(v)) {
		return fmt.Sprintf("%.0f %s", v, units[u])
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
