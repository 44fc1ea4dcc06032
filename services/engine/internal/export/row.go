package export

import (
	"encoding/json"
	"fmt"

	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/manifest"
)

// row is an export as the database keeps it.
type row struct {
	ID         string    `json:"id"`
	Cameras    []camera  `json:"cameras"`
	FromMs     int64     `json:"fromMs"`
	ToMs       int64     `json:"toMs"`
	WantedToMs int64     `json:"wantedToMs"`          // as asked for; ToMs is no later than what was recorded by then
	Container  container `json:"container,omitempty"` // "": Matroska
	Zip        bool      `json:"zip,omitempty"`
	SplitMs    int64     `json:"splitMs,omitempty"`
	SplitBytes int64     `json:"splitBytes,omitempty"`
	Note       string    `json:"note,omitempty"`
	By         string    `json:"by"`
	CreatedMs  int64     `json:"createdMs"`
	Zone       string    `json:"zone"`
	Appliance  string    `json:"appliance"`
	Medium     *carriage `json:"medium,omitempty"` // nil: it is downloaded
	DoneMs     int64     `json:"doneMs,omitempty"` // when it was last taken whole

	// Of its plan: nil until there was one.
	Files     []api.ExportFile `json:"files,omitempty"`
	FileCount int              `json:"fileCount,omitempty"`
	SizeBytes int64            `json:"sizeBytes,omitempty"`
	Name      string           `json:"name,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// camera is one of an export's, with the name that it had.
type camera struct {
	manifest.Camera
	UntilNs int64 `json:"untilNs,omitempty"` // where its footage ended when the export was made; 0: not known yet
}

// about is what the manifests say of the export.
func (r *row) about(software string) manifest.About {
	return manifest.About{Software: software, Appliance: r.Appliance, Export: manifest.Export{
		ID: r.ID, By: r.By, Note: r.Note, CreatedMs: r.CreatedMs, FromMs: r.FromMs, ToMs: r.WantedToMs}}
}

func (r *row) wish() wish {
	return wish{cameras: r.Cameras, fromMs: r.FromMs, toMs: r.ToMs, splitMs: r.SplitMs, splitBytes: r.SplitBytes, container: r.Container}
}

// bucket holds the rows by id.
const bucket = "exports"

// DB is the part of mirror.DB that exports use.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

func load(db DB) (list []row, err error) {
	err = db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucket, nil, nil) {
			var r row
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("export %s: %w", k, err)
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

func store(db DB, r row) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return db.Update(func(tx *mirror.Tx) error { return tx.Put(bucket, []byte(r.ID), b) })
}

func remove(db DB, id string) error {
	return db.Update(func(tx *mirror.Tx) error { return tx.Delete(bucket, []byte(id)) })
}
