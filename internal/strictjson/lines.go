package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is what is wrong with a document that a person wrote, and where.
type Problem struct {
	Line   int
	Reason string // a sentence; it repeats names, and no values
}

func (p *Problem) Error() string { return fmt.Sprintf("line %d: %s", p.Line, p.Reason) }

// Lines has the line of each value of a document, by its path, as in network.interfaces[0].id. The document itself is "".
type Lines map[string]int

// Of is the line of a path, or of the nearest one above it that the document has.
func (l Lines) Of(path string) int {
	for {
		if line, ok := l[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return l[""]
		}
		path = path[:cut]
	}
}

// Has says whether the document says something at a path.
func (l Lines) Has(path string) bool { _, ok := l[path]; return ok }

// Document reads what a person wrote into v, which points to a struct of structs, slices, text, numbers and truth values. It is
// stricter than Decode: names count as they are spelled, none may come twice, and null is no value. An error is a *Problem.
func Document(b []byte, v any) (Lines, error) {
	w := &walk{text: b, lines: Lines{}, line: 1}
	if !utf8.Valid(b) {
		at := 0
		for at < len(b) {
			r, size := utf8.DecodeRune(b[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return nil, &Problem{lineAt(b, at), "This is no text in UTF-8."}
	}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(b, &whole); errors.As(err, &syntax) {
		return nil, &Problem{lineAt(b, int(syntax.Offset)), "This is no JSON: " + syntax.Error() + "."}
	} else if err != nil {
		return nil, &Problem{1, "This is no JSON: " + err.Error() + "."}
	}
	w.dec = json.NewDecoder(bytes.NewReader(b))
	w.dec.UseNumber()
	if err := w.value("", reflect.TypeOf(v)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, &Problem{1, err.Error()}
	}
	return w.lines, nil
}

// lineAt is the line of what ends at an offset.
func lineAt(b []byte, offset int) int {
	return 1 + bytes.Count(b[:max(0, min(offset-1, len(b)))], []byte("\n"))
}

// walk goes through JSON that is known to be well formed, beside the type that it is to fill.
type walk struct {
	text    []byte
	dec     *json.Decoder
	lines   Lines
	counted int // bytes
	line    int // there
}

// next is the line of the next token.
func (w *walk) next() int {
	at := int(w.dec.InputOffset())
	for at < len(w.text) && strings.IndexByte(" \t\r\n,:", w.text[at]) >= 0 {
		at++
	}
	w.line += bytes.Count(w.text[w.counted:at], []byte("\n"))
	w.counted = at
	return w.line
}

func (w *walk) value(path string, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	line := w.next()
	w.lines[path] = line
	refuse := func(format string, args ...any) error {
		what := "The document"
		if path != "" {
			what = strconv.Quote(path)
		}
		return &Problem{line, what + " " + fmt.Sprintf(format, args...)}
	}
	token, err := w.dec.Token()
	if err != nil {
		return refuse("cannot be read: %v.", err)
	}
	kind := t.Kind()
	switch token := token.(type) {
	case json.Delim:
		switch {
		case token == '{' && kind == reflect.Struct:
			return w.object(path, t)
		case token == '[' && kind == reflect.Slice:
			return w.list(path, t.Elem())
		}
	case string:
		if kind == reflect.String {
			return nil
		}
	case bool:
		if kind == reflect.Bool {
			return nil
		}
	case json.Number:
		if kind != reflect.Int && kind != reflect.Int64 {
			break
		}
		if n, err := strconv.ParseInt(token.String(), 10, 64); err != nil || kind == reflect.Int && (n > math.MaxInt || n < math.MinInt) {
			return refuse("must be a whole number that is not so large.")
		}
		return nil
	case nil:
		return refuse("has no value: leave it out.")
	}
	wanted := map[reflect.Kind]string{reflect.Struct: "an object, in braces", reflect.Slice: "a list, in brackets", reflect.String: "text, in quotes",
		reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Int64: "a whole number"}[kind]
	return refuse("must be %s.", wanted)
}

func (w *walk) object(path string, t reflect.Type) error {
	fields, known := map[string]reflect.Type{}, []string{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = t.Field(i).Type
		known = append(known, name)
	}
	slices.Sort(known)
	for w.dec.More() {
		line := w.next()
		token, err := w.dec.Token()
		name, _ := token.(string)
		of, ok := fields[name]
		at := name
		if path != "" {
			at = path + "." + name
		}
		switch {
		case err != nil:
			return &Problem{line, err.Error()}
		case !ok:
			return &Problem{line, fmt.Sprintf("%q is not known here. What is: %s.", shown(name), strings.Join(known, ", "))}
		case w.lines.Has(at):
			return &Problem{line, fmt.Sprintf("%q is here twice.", name)}
		}
		if err := w.value(at, of); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w *walk) list(path string, of reflect.Type) error {
	for n := 0; w.dec.More(); n++ {
		if err := w.value(fmt.Sprintf("%s[%d]", path, n), of); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

// shown is a name that somebody wrote, short enough for a line.
func shown(name string) string {
	if len(name) > 40 {
		return strings.ToValidUTF8(name[:40], "") + "…"
	}
	return name
}
