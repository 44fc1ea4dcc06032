package sdp

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
)

// filter is a source filter (RFC 4570 §3): who may send to a group.
type filter struct {
	group   netip.Addr // the zero address: any
	sources []netip.Addr
}

// maxSources is how many sources of a filter count.
const maxSources = 8

// filters reads the source filters of a part. Those that exclude sources, and those that name hosts instead of addresses, are
// passed over: without a filter, packets from elsewhere than the camera are not taken all the same.
func filters(lines section) (all []filter) {
	lines.attributes("source-filter", func(value string) {
		fields := strings.Fields(value) // mode, network, kind of addresses, group, sources
		if len(fields) < 5 || !strings.EqualFold(fields[0], "incl") || !strings.EqualFold(fields[1], "IN") {
			return
		}
		var f filter
		if fields[3] != "*" {
			group, err := netip.ParseAddr(fields[3])
			if err != nil {
				return
			}
			f.group = group.Unmap()
		}
		for _, text := range fields[4:] {
			if a, err := netip.ParseAddr(text); err == nil && a.IsValid() && !a.IsMulticast() && !a.IsUnspecified() && len(f.sources) < maxSources {
				f.sources = append(f.sources, a.Unmap())
			}
		}
		if len(f.sources) > 0 && len(all) < maxFormats {
			all = append(all, f)
		}
	})
	return all
}

// Sources are those that a media of the session may come from when it is sent to a group; none: anybody.
func (s *Session) Sources(m *description.Media, group netip.Addr) (sources []netip.Addr) {
	for _, f := range s.filters[m] {
		if f.group != (netip.Addr{}) && f.group != group {
			continue
		}
		for _, a := range f.sources {
			if a.Is4() == group.Is4() && !slices.Contains(sources, a) {
				sources = append(sources, a)
			}
		}
	}
	return sources
}

// label names a payload's codec for people.
func (p *payload) label() string {
	switch p.name {
	case "MPEG4-GENERIC", "MP4A-LATM":
		return "AAC"
	case "H264", "H265":
		return p.name[:1] + "." + p.name[1:]
	}
	return p.name
}
