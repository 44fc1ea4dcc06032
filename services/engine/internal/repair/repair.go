// Package repair checks the database, and builds it anew, while recording and everything else goes on: for people who do
// not trust it any more. What it does is done by others (package mirror the copies, index the rows, archive the files); it
// puts that in order, tells how far it has come, and makes a report.
//
// How the live index takes over what was rebuilt, without losing what is recorded meanwhile:
//
//   - From copies: the database is built anew beside the one in use, from the copy read back. What is committed meanwhile is
//     kept and replayed on it, and only the last of that is waited for before the one takes the other's place. It is at the
//     same generation then, so that nothing that anybody remembers of it is wrong.
//   - From files: there is no second index. Each row is doubted, and each file looked into; a row that is right is so again,
//     one that is wrong is put right or goes, a file without a row gets one. What is recorded meanwhile is put into the
//     same index by who records it. So all that is right shows throughout.
//
// One repair runs at a time. The last report stays until the engine ends, and in the log.
//
// Concurrency: all methods may be called from any goroutine; Run does the work.
package repair

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/index"
)

// Config is what is repaired.
type Config struct {
	DB         *mirror.DB
	Index      *index.Index
	Archive    *archive.Archive
	VolumeName func(id string) string
	Log        *slog.Logger
}

// Repairer repairs. Make one with New.
type Repairer struct {
	cfg   Config
	begin chan api.RepairRequestAction

	mu    sync.Mutex
	state api.Repair
}

// ErrBusy: one is running.
var ErrBusy = errors.New("a repair is running already")

// New returns a repairer; Run must run.
func New(cfg Config) *Repairer {
	return &Repairer{cfg: cfg, begin: make(chan api.RepairRequestAction, 1), state: api.Repair{Status: api.RepairStatusNone, Findings: []api.RepairFinding{}}}
}

// State is how the repair stands that runs, or ran last.
func (r *Repairer) State() api.Repair {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Findings = slices.Clone(s.Findings)
	return s
}

// Begin has a repair done.
func (r *Repairer) Begin(action api.RepairRequestAction, by string) (api.Repair, error) {
	r.mu.Lock()
	if r.state.Status == api.RepairStatusRunning {
		r.mu.Unlock()
		return api.Repair{}, ErrBusy
	}
	r.state = api.Repair{Status: api.RepairStatusRunning, Action: api.RepairAction(action), By: by, StartedMs: time.Now().UnixMilli(), Step: "It begins.", Findings: []api.RepairFinding{}}
	r.mu.Unlock()
	r.cfg.Log.Warn("repair of the database begins", "action", string(action), "by", by)
	r.begin <- action // nobody else has put one there
	return r.State(), nil
}

// Run repairs what is asked for until ctx ends.
func (r *Repairer) Run(ctx context.Context) {
	for {
		select {
		case action := <-r.begin:
			r.end(r.do(ctx, action))
		case <-ctx.Done():
			return
		}
	}
}

func (r *Repairer) do(ctx context.Context, action api.RepairRequestAction) error {
	switch action {
	case api.RepairRequestActionCheck:
		return r.check(ctx)
	case api.RepairRequestActionCopies:
		return r.fromCopies(ctx)
	default:
		return r.fromFiles(ctx)
	}
}

func (r *Repairer) end(err error) {
	if err != nil {
		r.find(api.RepairFindingKindBad, "It was broken off: "+err.Error()+".")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.EndedMs, r.state.Step, r.state.Done, r.state.Total = time.Now().UnixMilli(), "", 0, 0
	r.state.Status = api.RepairStatusDone
	if err != nil {
		r.state.Status = api.RepairStatusFailed
	}
	r.cfg.Log.Warn("repair of the database has ended", "action", string(r.state.Action), "status", string(r.state.Status), "findings", len(r.state.Findings))
}

// step says what is being done now.
func (r *Repairer) step(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Step, r.state.Done, r.state.Total = text, 0, 0
}

func (r *Repairer) progress(done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Done, r.state.Total = done, total
}

// find adds to the report.
func (r *Repairer) find(kind api.RepairFindingKind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Findings = append(r.state.Findings, api.RepairFinding{Kind: kind, Text: text})
	r.cfg.Log.Info("repair of the database", "kind", string(kind), "finding", text)
}
