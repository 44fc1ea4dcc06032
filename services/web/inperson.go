package web

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/engineapi"
	"vigie/services/web/internal/console"
	"vigie/services/web/internal/server"
	"vigie/services/web/webapi"
)

// Whom the text console and the SSH service run as. The numbers are a contract with the image.
const (
	consoleUserID = 904
	sshUserID     = 905
)

// engineWithin is how long the console's screen waits for what the engine knows.
const engineWithin = time.Second

// inPerson gathers what the text console shows, and does what it asks for.
type inPerson struct {
	facts    atomic.Pointer[console.Facts] // nil until the accounts are there
	srv      *server.Server
	engine   *engineapi.Client
	warnings func() []string // of the accounts' copies
}

func (p *inPerson) state(ctx context.Context) webapi.Console {
	out := webapi.Console{URLs: []string{}, Warnings: []string{}}
	if f := p.facts.Load(); f != nil {
		out.Opened, out.Fingerprint, out.SetupCode = true, f.Fingerprint(), f.SetupCode
		out.URLs = f.URLs()
		if f.Volatile {
			out.Warnings = append(out.Warnings, "Accounts are in memory only until a data volume is there.")
		}
	}
	out.Warnings = append(out.Warnings, p.warnings()...)
	if r := p.srv.PendingReset(); r != nil {
		out.Reset = told(r)
	}
	ctx, cancel := context.WithTimeout(ctx, engineWithin)
	defer cancel()
	if cameras, err := p.engine.Cameras(ctx); err == nil {
		out.Cameras = &webapi.Cameras{Total: len(cameras)}
		for _, c := range cameras {
			if !c.Enabled {
				continue
			}
			out.Cameras.Enabled++
			if c.State.Status == "live" {
				out.Cameras.Live++
			}
			if c.State.Recording {
				out.Cameras.Recording++
			}
		}
	}
	if recording, err := p.engine.Recording(ctx); err == nil {
		out.Warnings = append(out.Warnings, recording.Warnings...)
		out.Past = past(recording)
	}
	return out
}

// past is what there is of recordings, nil if there are none.
func past(r api.Recording) *webapi.Past {
	var p webapi.Past
	for _, v := range r.Volumes {
		if v.OldestMs > 0 && (p.OldestMs == 0 || v.OldestMs < p.OldestMs) {
			p.OldestMs = v.OldestMs
		}
	}
	for _, c := range r.IndexCopies {
		p.CopyMs = max(p.CopyMs, c.SnapshotMs)
	}
	if p.OldestMs == 0 {
		return nil
	}
	return &p
}

func (p *inPerson) reset(context.Context) (webapi.Reset, error) {
	r, err := p.srv.BeginReset()
	if err != nil {
		return webapi.Reset{}, err
	}
	return *told(r), nil
}

// first makes the first account.
func (p *inPerson) first(ctx context.Context, a webapi.FirstAccount) error {
	return p.srv.SetUpInPerson(ctx, a.Username, a.Password, a.PasswordHash, a.DryRun)
}

// login answers the SSH service.
func (p *inPerson) login(ctx context.Context, l webapi.Login, check bool) (webapi.LoginAnswer, error) {
	if !check {
		name, err := p.srv.Administrator(l.Username)
		return webapi.LoginAnswer{OK: name != "", Username: name}, err
	}
	from, err := netip.ParseAddr(l.From)
	if err != nil {
		return webapi.LoginAnswer{}, answer.Field("from", "bad_address", "Say from which IP address the log-in comes.")
	}
	name, ok, err := p.srv.Verify(ctx, l.Username, l.Password, from.Unmap())
	return webapi.LoginAnswer{OK: ok, Username: name}, err
}

// note takes the SSH service's word for a log-in.
func (p *inPerson) note(n webapi.Note) error {
	from, err := netip.ParseAddr(n.From)
	if err != nil {
		return answer.Field("from", "bad_address", "Say from which IP address the log-in comes.")
	}
	return p.srv.NoteByKey(n.Result, n.Username, n.Key, from.Unmap())
}

func told(r *server.Reset) *webapi.Reset {
	return &webapi.Reset{Username: r.Username, Code: r.Code.String(), ExpiresMs: r.Expires.UnixMilli()}
}
