package unattended

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/strictjson"
	"vigie/internal/sysconfig"
)

const (
	// FileName is the file on a medium.
	FileName = "vigie-answer.json"
	// MaxBytes bounds it.
	MaxBytes = 16 << 10
	// version is the one of the document that is read here.
	version = 1
	// first, in the place of a network card's MAC address, is the machine's first card.
	first = "first"
	// standIn is the address that stands for it while the document is judged by itself.
	standIn = "02:76:69:67:69:65"
)

// Document is an answer file; installer/ANSWERS.md describes it.
type Document struct {
	Version       int               `json:"version"`
	Disk          Disk              `json:"disk"`
	DataVolume    bool              `json:"dataVolume"` // the rest of the disk
	Hostname      string            `json:"hostname"`
	TimeZone      string            `json:"timeZone"`
	Network       sysconfig.Network `json:"network"`
	Administrator Administrator     `json:"administrator"`
	AtEnd         string            `json:"atEnd"`
}

// Disk is the one to install on: that with a serial, whose contents are overwritten, or the only blank one.
type Disk struct {
	Serial string `json:"serial"`
	Only   bool   `json:"only"`
}

// Administrator is who may log in afterwards.
type Administrator struct {
	Username     string `json:"username"`
	Password     string `json:"password"`
	PasswordHash string `json:"passwordHash"` // in its place
}

// What is done at the end.
const (
	Restart  = "restart"
	PowerOff = "poweroff"
	Stay     = "stay"
)

// Answers are a document that makes sense by itself, with the lines that its parts are in.
type Answers struct {
	Document
	lines strictjson.Lines
}

// at is a problem with what the document says at a path.
func (a *Answers) at(path, format string, args ...any) error {
	return &strictjson.Problem{Line: a.lines.Of(path), Reason: fmt.Sprintf(format, args...)}
}

// Parse reads an answer file. An error is a *strictjson.Problem, which repeats nothing of the password.
func Parse(text []byte) (*Answers, error) {
	if len(text) > MaxBytes {
		return nil, &strictjson.Problem{Line: 1, Reason: fmt.Sprintf("The file is larger than %d bytes.", MaxBytes)}
	}
	a := &Answers{}
	var err error
	// Some editors begin a file with a mark of its encoding.
	if a.lines, err = strictjson.Document([]byte(strings.TrimPrefix(string(text), "\ufeff")), &a.Document); err != nil {
		return nil, err
	}
	for _, check := range []func() error{a.complete, a.checkDisk, a.checkAdministrator, a.checkEnd, a.checkSettings} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Answers) complete() error {
	for _, name := range []string{"version", "disk", "dataVolume", "administrator", "atEnd"} {
		if !a.lines.Has(name) {
			return a.at("", "%q is missing.", name)
		}
	}
	if a.Version != version {
		return a.at("version", "This version of Vigie reads answer files of version %d.", version)
	}
	return nil
}

func (a *Answers) checkDisk() error {
	if (a.Disk.Serial == "") == !a.Disk.Only {
		return a.at("disk", `Say which disk: either "serial", or "only" as true.`)
	}
	return nil
}

func (a *Answers) checkAdministrator() error {
	switch {
	case a.Administrator.Username == "":
		return a.at("administrator", `"username" is missing.`)
	case (a.Administrator.Password == "") == (a.Administrator.PasswordHash == ""):
		return a.at("administrator", `Give either "password" or "passwordHash".`)
	}
	return nil
}

func (a *Answers) checkEnd() error {
	if ends := []string{Restart, PowerOff, Stay}; !slices.Contains(ends, a.AtEnd) {
		return a.at("atEnd", `What is done at the end is one of %q, %q and %q.`, ends[0], ends[1], ends[2])
	}
	return nil
}

// checkSettings holds the settings against the rules of the machine's configuration.
func (a *Answers) checkSettings() error {
	c := sysconfig.Config{Hostname: a.Hostname, TimeZone: a.TimeZone, Network: onCard(a.Network, standIn)}
	var field *sysconfig.FieldError
	switch err := c.Validate(); {
	case errors.As(err, &field):
		return a.at(field.Field, "%s", strings.ReplaceAll(field.Reason, standIn, first))
	case err != nil:
		return a.at("", "%v", err)
	}
	return nil
}

// onCard is the network with a card's address wherever the document means the first one.
func onCard(n sysconfig.Network, mac string) sysconfig.Network {
	n = n.Clone()
	put := func(id *string) {
		if *id == first {
			*id = mac
		}
	}
	for i := range n.Interfaces {
		put(&n.Interfaces[i].ID)
	}
	for i := range n.Bonds {
		put(&n.Bonds[i].Primary)
		for k := range n.Bonds[i].Members {
			put(&n.Bonds[i].Members[k])
		}
	}
	for i := range n.VLANs {
		put(&n.VLANs[i].Parent)
	}
	return n
}

// cards are the network cards that the document names, each with its place in it.
func (a *Answers) cards() map[string]string {
	out := map[string]string{}
	for i, n := range a.Network.Interfaces {
		out[fmt.Sprintf("network.interfaces[%d].id", i)] = n.ID
	}
	for i, b := range a.Network.Bonds {
		for k, m := range b.Members {
			out[fmt.Sprintf("network.bonds[%d].members[%d]", i, k)] = m
		}
	}
	return out
}
