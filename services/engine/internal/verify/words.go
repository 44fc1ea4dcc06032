package verify

import (
	"fmt"
	"strings"
	"time"

	"vigie/services/engine/internal/manifest"
)

// Sentence says what was done.
func Sentence(f manifest.Finding) string {
	switch at := instant(f.FromMs); f.Kind {
	case manifest.Changed:
		return span(f.FromMs, f.ToMs) + ": the footage was changed."
	case manifest.Replaced:
		return fmt.Sprintf("%s: the footage was replaced by %d other bytes.", span(f.FromMs, f.ToMs), f.Bytes)
	case manifest.CutOut:
		return span(f.FromMs, f.ToMs) + ": the footage was cut out."
	case manifest.Truncated:
		if f.FromMs == f.ToMs {
			return "The end of the file is missing, but none of the footage."
		}
		return fmt.Sprintf("From %s on the file was truncated: %s are missing.", at, length(f.ToMs-f.FromMs))
	case manifest.Moved:
		return span(f.FromMs, f.ToMs) + ": the footage was moved to another place of the file."
	case manifest.Repeated:
		return span(f.FromMs, f.ToMs) + ": the footage is in the file more than once."
	case manifest.Inserted:
		return fmt.Sprintf("At %s: %d bytes were inserted that are not of this export.", at, f.Bytes)
	case manifest.Header:
		return "The file's header was changed; it describes the footage but is none."
	}
	return "The end of the file, behind the footage, was changed."
}

// origin says where a file comes from.
func origin(c manifest.Camera, f manifest.File) string {
	return fmt.Sprintf("%s (camera %s, %s stream), %s", c.Name, c.ID, c.Stream, span(f.StartMs, f.EndMs))
}

// exported says who asked for it.
func exported(a manifest.About) string {
	s := fmt.Sprintf("Exported from %s", a.Appliance)
	if a.Export.By != "" {
		s += " by " + a.Export.By
	}
	s += " on " + instant(a.Export.CreatedMs)
	if a.Export.Note != "" {
		s += fmt.Sprintf(" (%s)", a.Export.Note)
	}
	return s
}

// damage says what the recorder's disk had done before.
func damage(m *manifest.Manifest) (out []string) {
	for i, s := range m.Seconds {
		if s.Damaged > 0 && len(out) < 20 {
			out = append(out, fmt.Sprintf("%s: damaged already on the recorder's disk.", instant(m.File.StartMs+int64(i)*1000)))
		}
	}
	return out
}

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

func span(fromMs, toMs int64) string {
	from, to := time.UnixMilli(fromMs).UTC(), time.UnixMilli(toMs).UTC()
	end := "2006-01-02 15:04:05 UTC"
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		end = "15:04:05 UTC"
	}
	return from.Format("2006-01-02 15:04:05") + " to " + to.Format(end)
}

func length(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

// Groups makes a fingerprint readable.
func Groups(s string) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
