package export

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"vigie/services/engine/internal/manifest"
)

//go:embed index.html
var indexSource string

var indexTemplate = template.Must(template.New("index").Parse(indexSource))

// because says to people why a file begins where it does.
var because = map[manifest.Because]string{
	manifest.Start:  "",
	manifest.Gap:    "nothing is recorded just before",
	manifest.Format: "the camera's picture format changed",
	manifest.Split:  "",
}

type indexFile struct {
	Name, Camera, From, To, Why, Size, Sum string
}

// index makes the page for people. Its length does not depend on digests.
func (b *bundle) index() ([]byte, error) {
	at := func(ns int64) string { return time.Unix(0, ns).In(b.zone).Format("2006-01-02 15:04:05.000 -07:00") }
	var files []indexFile
	for _, c := range b.files {
		sum, _, _ := c.total()
		f := c.file
		files = append(files, indexFile{f.name, f.camera.Name, at(f.startNs), at(f.endNs), because[f.because], megabytes(f.size()), sum.String()})
	}
	var out bytes.Buffer
	e := b.about.Export
	err := indexTemplate.Execute(&out, map[string]any{
		"Appliance": b.about.Appliance, "Software": b.about.Software, "Fingerprint": groups(b.key.Public().Fingerprint()),
		"ID": e.ID, "By": e.By, "Note": e.Note, "Created": at(e.CreatedMs * 1e6), "From": at(e.FromMs * 1e6), "To": at(e.ToMs * 1e6),
		"Files": files, "Warnings": b.plan.warnings,
	})
	return out.Bytes(), err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// groups makes a fingerprint readable.
func groups(s string) string {
	var out []byte
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, s[i])
	}
	return string(out)
}
