package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
)

// Disks lists disks and volumes, in lines for a plain terminal. What does not fit into one is gone on with below, further in.
func Disks(s *api.Status) []string {
	var lines []string
	for _, d := range s.Disks {
		where := []string{d.Slot, d.Bus}
		if d.Removable {
			where = append(where, "removable")
		}
		where = slices.DeleteFunc(where, func(s string) bool { return s == "" })
		model := Printable(d.Model)
		if len(where) > 0 {
			model += Printable(" (" + strings.Join(where, ", ") + ")")
		}
		line := Printable(fmt.Sprintf("%-20s %9s  %-9s", d.Serial, size(d.SizeBytes), uses(d, s.Volumes)))
		if len(line)+2+len(model) < Columns {
			lines = append(lines, line+"  "+model)
		} else {
			lines = append(lines, strings.TrimRight(line, " "))
			lines = append(lines, below(model)...)
		}
		if d.Contents != "" {
			lines = append(lines, below(d.Contents)...)
		}
		if d.Health.Status != "" && d.Health.Status != api.DiskHealthStatusOk {
			lines = append(lines, below(fmt.Sprintf("health: %s. %s", d.Health.Status, strings.Join(d.Health.Reasons, " ")))...)
		}
	}
	if len(s.Disks) == 0 {
		lines = append(lines, "There are no disks.")
	}
	for _, v := range s.Volumes {
		line := fmt.Sprintf("volume %s: %s at %s", v.Name, v.Status, v.Path)
		if v.SizeBytes > 0 {
			line += fmt.Sprintf(", %s of %s free", size(v.FreeBytes), size(v.SizeBytes))
		}
		if v.Reason != "" {
			line += ". " + v.Reason
		}
		lines = append(lines, Wrap(line, Columns-1)...)
	}
	if !s.StorageSettled {
		lines = append(lines, "The disks are still being looked at.")
	}
	return lines
}

// below are lines that go on with what is above them.
func below(text string) []string {
	const in = "    "
	lines := Wrap(text, Columns-1-len(in))
	for i := range lines {
		lines[i] = in + lines[i]
	}
	return lines
}

// Services lists the services.
func Services(s *api.Status) []string {
	if len(s.Services) == 0 {
		return []string{"No services are known: the machine was not started by Vigie's own init."}
	}
	lines := []string{fmt.Sprintf("%-10s %-10s %12s %9s %8s", "service", "status", "for", "memory", "restarts")}
	for _, v := range s.Services {
		since := time.Duration(s.Clock.NowMs-v.SinceMs) * time.Millisecond
		line := fmt.Sprintf("%-10s %-10s %12s %9s %8d", v.Name, v.Status, span(since), size(v.MemoryBytes), v.Restarts)
		lines = append(lines, Printable(line))
		if v.Reason != "" {
			lines = append(lines, below(v.Reason)...)
		}
	}
	return lines
}

// span is how long something has lasted, as coarse as it is long.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
