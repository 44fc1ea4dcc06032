package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// tail is the last line, which says where the manifest begins and is not signed.
const (
	tailFormat = `"signature":"%s","length":"%010d"}` + "\n"
	tailLength = len(`"signature":"","length":""}`) + 128 + 10 + 1
)

// Size returns the length that Marshal's answer will have, whatever the digests.
func (m *Manifest) Size() int64 {
	return int64(len(m.head()) + m.File.Seconds()*secondLength + len(m.foot()) + tailLength)
}

const (
	secondFormat = "[%10d,%10d,%1d,\"%08x\",\"%x\"],\n"
	secondLength = 1 + 10 + 1 + 10 + 1 + 1 + 1 + 10 + 1 + 66 + 1 + 1 + 1
)

// Marshal writes the manifest and signs it; the digests are those of sums, which must have been finished.
func (m *Manifest) Marshal(key Key) ([]byte, error) {
	if len(m.Seconds) != m.File.Seconds() {
		return nil, fmt.Errorf("manifest of %d seconds has %d", m.File.Seconds(), len(m.Seconds))
	}
	m.Key = key.Public()
	b := make([]byte, 0, m.Size())
	b = append(b, m.head()...)
	for i := range m.Seconds {
		s := &m.Seconds[i]
		if s.OffsetMs > 9_999_999_999 || s.Bytes > 9_999_999_999 {
			return nil, fmt.Errorf("second %d of %d bytes does not fit into a manifest", i, s.Bytes)
		}
		b = fmt.Appendf(b, secondFormat, s.OffsetMs, s.Bytes, s.Damaged, s.Head, s.Sum[:])
	}
	if len(m.Seconds) > 0 { // no comma behind the last; a blank keeps the length
		b[len(b)-2], b[len(b)-1] = ' ', '\n'
	}
	return seal(append(b, m.foot()...), key), nil
}

// head is what stands before the seconds.
func (m *Manifest) head() []byte {
	var b bytes.Buffer
	m.intro(&b, FileFormat, m.Key)
	line(&b, "camera", m.Camera)
	line(&b, "file", m.File)
	line(&b, "because", m.Because)
	line(&b, "key", m.Key)
	line(&b, "front", padded(m.Front))
	line(&b, "back", padded(m.Back))
	b.WriteString("\"seconds\":[\n")
	return b.Bytes()
}

// foot is what stands between the seconds and the last line.
func (m *Manifest) foot() []byte {
	var b bytes.Buffer
	b.WriteString("],\n")
	line(&b, "chain", m.Chain)
	return b.Bytes()
}

// Size returns the length that Marshal's answer will have.
func (b *Bundle) Size() int64 { return int64(len(b.body()) + tailLength) }

// Marshal writes the bundle's manifest and signs it.
func (b *Bundle) Marshal(key Key) []byte {
	b.Key = key.Public()
	return seal(b.body(), key)
}

func (b *Bundle) body() []byte {
	var out bytes.Buffer
	b.intro(&out, BundleFormat, b.Key)
	line(&out, "key", b.Key)
	out.WriteString("\"files\":[\n")
	for i, f := range b.Files {
		comma := ","
		if i == len(b.Files)-1 {
			comma = " "
		}
		fmt.Fprintf(&out, "{\"name\":%s,\"bytes\":%14d,\"sha256\":\"%s\"}%s\n", encode(f.Name), f.Bytes, f.Sum, comma)
	}
	out.WriteString("],\n")
	return out.Bytes()
}

func (a *About) intro(b *bytes.Buffer, format string, key PublicKey) {
	fmt.Fprintf(b, "{\n\"format\":%q,\n", format)
	line(b, "software", a.Software)
	line(b, "appliance", struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	}{a.Appliance, key.ID()})
	line(b, "export", a.Export)
}

// padded writes a part in a length that does not depend on its digest and size.
func padded(p Part) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"bytes":%12d,"sha256":"%s"}`, p.Bytes, p.Sum))
}

func line(b *bytes.Buffer, name string, v any) {
	b.WriteString(strconv.Quote(name) + ":")
	if raw, ok := v.(json.RawMessage); ok { // as it is: blanks are part of it
		b.Write(raw)
	} else {
		b.Write(encode(v))
	}
	b.WriteString(",\n")
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of our own types, which all can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// seal signs what stands before the last line, and adds it.
func seal(b []byte, key Key) []byte {
	sum := sha256.Sum256(b)
	return fmt.Appendf(b, tailFormat, hex.EncodeToString(key.sign(sum)), len(b)+tailLength)
}
