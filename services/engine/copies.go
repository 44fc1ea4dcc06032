package engine

import (
	"vigie/internal/api"
	"vigie/internal/mirror"
)

// copies tells how the database's copies are, and what needs attention.
func copies(list []mirror.Copy, name func(id string) string) (out []api.IndexCopy, warnings []string) {
	out = []api.IndexCopy{}
	for _, c := range list {
		out = append(out, api.IndexCopy{Volume: c.ID, Status: api.IndexCopyStatus(c.Status), Reason: c.Reason, Generation: int64(c.Generation),
			SizeBytes: c.SizeBytes, SnapshotMs: c.SnapshotMs, CheckedMs: c.CheckedMs, DamagedMs: c.DamagedMs, Damage: c.Damage})
		warnings = append(warnings, c.Warnings("the index", name(c.ID))...)
	}
	return out, warnings
}
