package sysconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"vigie/internal/strictjson"
)

const (
	format = "vigie-machine"
	// Version is the version of the document that this package reads and writes.
	Version = 1
	// MaxSize bounds a file in bytes; anything larger is not ours.
	MaxSize = 64 << 10
	// MaxForgotten is how many names a document may say to be forgotten.
	MaxForgotten = 128
)

// ErrCorrupt is wrapped by errors about a file that is torn, rotten or something else altogether.
var ErrCorrupt = errors.New("corrupt")

// Document is a configuration with its place in history.
type Document struct {
	Generation int64 `json:"generation"` // 0: never saved
	SavedMs    int64 `json:"savedMs"`    // milliseconds since the Unix epoch, by the clock as it was
	// Resets counts how often the machine was taken back to how it came.
	Resets int64 `json:"resets,omitempty"`
	// Forgotten names what these resets took away, the newest last: databases by their UUIDs, keys by their fingerprints, and each
	// reset by a name of its own. Wherever a disk brings something of it again, it is erased.
	Forgotten []string `json:"forgotten,omitempty"`
	Config    Config   `json:"config"`
}

type envelope struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Body    json.RawMessage `json:"body"`
}

// Encode seals a document. It refuses one that Decode would refuse.
func Encode(d Document) ([]byte, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	d.Config = d.Config.Clone()
	if d.Config.NTPServers == nil {
		d.Config.NTPServers = []string{}
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	b, err := json.Marshal(envelope{format, Version, hex.EncodeToString(sum[:]), body})
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Decode opens what Encode sealed.
func Decode(b []byte) (Document, error) {
	if len(b) > MaxSize {
		return Document{}, fmt.Errorf("machine configuration: %w: %d bytes", ErrCorrupt, len(b))
	}
	var e envelope
	if err := strictjson.Decode(b, &e); err != nil {
		return Document{}, fmt.Errorf("machine configuration: %w: %w", ErrCorrupt, err)
	}
	if e.Format != format {
		return Document{}, fmt.Errorf("machine configuration: %w: format %q", ErrCorrupt, clip(e.Format))
	}
	if sum := sha256.Sum256(e.Body); hex.EncodeToString(sum[:]) != e.SHA256 {
		return Document{}, fmt.Errorf("machine configuration: %w: checksum differs", ErrCorrupt)
	}
	if e.Version != Version {
		return Document{}, fmt.Errorf("machine configuration: version %d is not known to this version of Vigie", e.Version)
	}
	var d Document
	if err := strictjson.Decode(e.Body, &d); err != nil {
		return Document{}, fmt.Errorf("machine configuration: %w: %w", ErrCorrupt, err)
	}
	if err := d.validate(); err != nil {
		return Document{}, fmt.Errorf("machine configuration: %w", err)
	}
	return d, nil
}

func (d Document) validate() error {
	if d.Generation < 0 {
		return fmt.Errorf("generation %d", d.Generation)
	}
	if d.Resets < 0 || len(d.Forgotten) > MaxForgotten {
		return fmt.Errorf("%d resets, %d names to be forgotten", d.Resets, len(d.Forgotten))
	}
	for _, name := range d.Forgotten {
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%q is no name to be forgotten", clip(name))
		}
	}
	return d.Config.Validate()
}
