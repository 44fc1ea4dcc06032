package storage

import (
	"context"

	"vigie/internal/api"
	"vigie/services/system/internal/install"
)

// SystemDisks returns the disks that Vigie is installed on, as they can be opened.
func (m *Manager) SystemDisks(ctx context.Context) ([]install.Target, error) {
	out := make(chan []install.Target, 1)
	work := func() {
		var list []install.Target
		for _, d := range m.disks {
			if d.use == api.DiskUseSystem && d.parent == nil && d.op.Status != api.OperationStatusRunning {
				list = append(list, install.Target{Node: m.cfg.Node(d.name), Seq: d.dev.Seq, Bytes: d.dev.SizeBytes})
			}
		}
		out <- list
	}
	select {
	case m.results <- work:
		return <-out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
