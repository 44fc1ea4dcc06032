// Package configfile is the file in which a recorder's configuration is taken away and brought again, to the same machine or another.
//
//	{"format":"vigie-configuration","version":1,"software":"1.4","machine":"gate","madeMs":1764215000000}\n
//	age file (age-encryption.org/v1), encrypted to a passphrase (scrypt, 2^16), of a gzip stream (RFC 1952) of the JSON
//	{"head":{...},"system":{...},"engine":{...},"accounts":{...}}
//
// The first line can be read by anybody: it says what the file is, and whether this version of Vigie can read it, before anybody types a
// passphrase. Everything else, secret or not, is encrypted: cameras' passwords and users' hashes, but also who may see what, and how
// the network is made. The head is in there once more, and must be the same: the line cannot be changed unnoticed.
//
// Each part is its service's own: here they are bytes. What an earlier version of the file said otherwise is brought up by
// migrations, one version after the other; a later version than this program's is refused and never half understood.
//
// What is opened comes from outside. Sizes are bounded before anything is computed, and so is the memory that the passphrase's hash
// takes: the file says how much, and age is told what is too much. Everything here is pure.
package configfile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"filippo.io/age"
)

const (
	format = "vigie-configuration"
	// Version is what this program writes; it reads all up to it.
	Version = 1
	// MaxSize bounds a file, in bytes: 1000 cameras take about 100 kB.
	MaxSize = 700 << 10

	maxBody = 8 << 20 // of the JSON
	maxHead = 1024    // of the first line
	// work is scrypt's cost: 2^16 takes 64 MiB for a quarter of a second. A file that asks for more is not ours.
	work = 16
)

// The least and most characters of a passphrase. A file is tried by who has it as fast as his machines can: it must not be short.
const (
	MinPassphrase = 12
	MaxPassphrase = 256
)

// Head says what a file is.
type Head struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	Software string `json:"software"` // version of Vigie that made it
	Machine  string `json:"machine"`  // its host name
	MadeMs   int64  `json:"madeMs"`   // UTC, ms since the Unix epoch
}

// Document is a configuration.
type Document struct {
	Head     Head            `json:"head"`
	System   json.RawMessage `json:"system"`
	Engine   json.RawMessage `json:"engine"`
	Accounts json.RawMessage `json:"accounts"`
}

// Errors of Open.
var (
	// ErrForeign: it is no such file.
	ErrForeign = errors.New("no configuration file")
	// ErrPassphrase: it was made with another passphrase.
	ErrPassphrase = errors.New("another passphrase")
	// ErrDamaged: it is torn, or was changed.
	ErrDamaged = errors.New("damaged")
)

// NewerError is a file of a later version of Vigie.
type NewerError struct{ Head Head }

func (e *NewerError) Error() string {
	return fmt.Sprintf("version %d of the file, made by Vigie %s", e.Head.Version, e.Head.Software)
}

// Seal makes a file of a document, whose Format and Version it sets.
func Seal(d Document, passphrase string) ([]byte, error) {
	d.Head.Format, d.Head.Version = format, Version
	head, err := json.Marshal(d.Head)
	if err != nil {
		return nil, err
	}
	if len(head) >= maxHead {
		return nil, fmt.Errorf("a head of %d bytes", len(head))
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(work)
	var out bytes.Buffer
	out.Write(append(head, '\n'))
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	squeeze := gzip.NewWriter(w)
	if _, err := squeeze.Write(body); err != nil {
		return nil, err
	}
	if err := errors.Join(squeeze.Close(), w.Close()); err != nil {
		return nil, err
	}
	if out.Len() > MaxSize {
		return nil, fmt.Errorf("a configuration of %d bytes; a file has at most %d", out.Len(), MaxSize)
	}
	return out.Bytes(), nil
}

// Look reads a file's head, and refuses what this program cannot read: with ErrForeign, ErrDamaged or a *NewerError.
func Look(file []byte) (Head, error) {
	head, _, err := split(file)
	return head, err
}

func split(file []byte) (h Head, rest []byte, err error) {
	if len(file) > MaxSize {
		return h, nil, fmt.Errorf("%w: %d bytes", ErrForeign, len(file))
	}
	line, _, ok := bytes.Cut(file[:min(len(file), maxHead)], []byte("\n"))
	if json.Unmarshal(line, &h) != nil || h.Format != format {
		return Head{}, nil, ErrForeign
	}
	switch {
	case !ok, h.Version < 1, !utf8.ValidString(h.Software), !utf8.ValidString(h.Machine), h.MadeMs < 0:
		return Head{}, nil, fmt.Errorf("%w: its first line", ErrDamaged)
	case h.Version > Version:
		return h, nil, &NewerError{h}
	}
	return h, file[len(line)+1:], nil
}

// Open reads a file, brought up to this version.
func Open(file []byte, passphrase string) (d Document, err error) {
	head, sealed, err := split(file)
	if err != nil {
		return d, err
	}
	who, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return d, ErrPassphrase // an empty one
	}
	who.SetMaxWorkFactor(work)
	r, err := age.Decrypt(bytes.NewReader(sealed), who)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return d, ErrPassphrase
	case err != nil:
		return d, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	body, err := unsqueeze(r)
	if err != nil {
		return d, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if d.Head != head {
		return Document{}, fmt.Errorf("%w: its first line was changed", ErrDamaged)
	}
	return migrate(d, migrations)
}

func unsqueeze(r io.Reader) ([]byte, error) {
	in, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("more than %d bytes", maxBody)
	}
	_, err = io.Copy(io.Discard, r) // to its end, which says that nothing is missing
	return body, err
}

// migrations bring a document up by one version each: the first from version 1 to 2. Whoever changes the file so that a reader of before would
// not understand it raises Version, and adds one; testdata has a file of each version.
var migrations []func(*Document) error

func migrate(d Document, steps []func(*Document) error) (Document, error) {
	for v := d.Head.Version; v-1 < len(steps); v++ {
		if err := steps[v-1](&d); err != nil {
			return Document{}, fmt.Errorf("%w: from version %d: %w", ErrDamaged, v, err)
		}
		d.Head.Version = v + 1
	}
	return d, nil
}
