package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/services/system/internal/medium"
	"vigie/services/system/internal/probe"
)

// AnswerFile is what was found on a medium that is labelled to have an answer file.
type AnswerFile struct {
	Where string // a disk by its serial and model, a CD by the model of its drive, which rarely has a serial
	Text  []byte
	Err   error // why it could not be read
}

// isAnswers tells whether a disk has answers, and where.
func isAnswers(d *disk) (kind string, part *probe.Part, ok bool) {
	if d.parent != nil || d.use != api.DiskUseOther {
		return "", nil, false
	}
	return medium.FindAnswers(d.found)
}

// meetAnswers says of a medium with an answer file that comes too late that it is not used.
func (m *Manager) meetAnswers(d *disk) {
	if _, _, ok := isAnswers(d); !ok || m.cfg.Observe || !m.settled {
		return
	}
	d.late = true
	m.cfg.Log.Warn("answer file", "from", "disk "+d.dev.Serial, "err", "the machine had started already")
	m.say(d, "its answer file is not used: it was not there when the machine started")
}

// AnswerFiles reads the answer files on the disks that there are. It is for the moment at which the disks of the machine's start have been
// dealt with; what comes later is not to be used.
func (m *Manager) AnswerFiles(ctx context.Context, name string, most int64) []AnswerFile {
	type place struct {
		node, path, kind string
		file             AnswerFile
	}
	found := make(chan []place, 1)
	work := func() {
		var list []place
		for _, d := range m.disks {
			kind, part, ok := isAnswers(d)
			if !ok || d.late {
				continue
			}
			device, err := d.device(part)
			list = append(list, place{m.cfg.Node(device), m.path("answers-" + d.dev.ID), kind,
				AnswerFile{Where: whereOf(d), Err: err}})
		}
		found <- list
	}
	select {
	case m.results <- work:
	case <-ctx.Done():
		return nil
	}
	var out []AnswerFile
	for _, p := range <-found {
		if p.file.Err == nil {
			p.file.Text, p.file.Err = readWithin(ctx, p.node, p.path, p.kind, name, most)
		}
		out = append(out, p.file)
	}
	slices.SortFunc(out, func(a, b AnswerFile) int { return strings.Compare(a.Where, b.Where) })
	return out
}

func whereOf(d *disk) string {
	if d.dev.Optical {
		return "the CD in " + cmp.Or(d.dev.Model, d.dev.Serial)
	}
	return strings.TrimSpace("disk " + d.dev.Serial + " " + d.dev.Model)
}

// readWithin reads a file; a medium that does not answer is left to itself.
func readWithin(ctx context.Context, node, path, kind, name string, most int64) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	ctx, cancel := context.WithTimeout(ctx, usual.patience)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		text, err := medium.ReadFile(node, path, kind, name, most)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("it does not answer: %w", ctx.Err())
	}
}
