package deletion

import (
	"encoding/json"
	"fmt"
	"slices"

	"vigie/internal/mirror"
)

// Order is what was asked for. Times are UTC in ms since the Unix epoch.
type Order struct {
	ID        string   `json:"id"`
	By        string   `json:"by"`
	CreatedMs int64    `json:"createdMs"`
	Cameras   []string `json:"cameras"`
	Kinds     []string `json:"kinds"`
	FromMs    int64    `json:"fromMs"`
	ToMs      int64    `json:"toMs"` // not included
	Volumes   []string `json:"volumes"`
	Segments  int64    `json:"segments"` // as counted before
	Bytes     int64    `json:"bytes"`

	Progress `json:"-"`
}

// Progress is how far it has come; a row of its own, as it changes with each batch.
type Progress struct {
	Status    Status   `json:"status"`
	Segments  int64    `json:"segments"` // gone
	Bytes     int64    `json:"bytes"`
	Finished  []string `json:"finished,omitempty"` // volumes
	EndedMs   int64    `json:"endedMs,omitempty"`
	StoppedBy string   `json:"stoppedBy,omitempty"`
	Reason    string   `json:"reason,omitempty"`
}

// Left are the volumes that have not been gone through.
func (o Order) Left() []string {
	return slices.DeleteFunc(slices.Clone(o.Volumes), func(v string) bool { return slices.Contains(o.Finished, v) })
}

// The rows: id → Order, id → Progress, as JSON. Ids begin with the time, so that they stand in its order.
const (
	bucketOrders   = "deletions"
	bucketProgress = "deletions-progress"
)

func put(tx *mirror.Tx, bucket, id string, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return tx.Put(bucket, []byte(id), b)
}

func readProgress(tx *mirror.Tx, id string) (p Progress, err error) {
	v := tx.Get(bucketProgress, []byte(id))
	if v == nil {
		return p, fmt.Errorf("deletion %s: no progress", id)
	}
	if err := json.Unmarshal(v, &p); err != nil {
		return p, fmt.Errorf("progress of deletion %s: %w", id, err)
	}
	return p, nil
}

func readAll(tx *mirror.Tx) (out []Order, err error) {
	for k, v := range tx.Range(bucketOrders, nil, nil) {
		var o Order
		if err := json.Unmarshal(v, &o); err != nil {
			return nil, fmt.Errorf("deletion %s: %w", k, err)
		}
		if o.Progress, err = readProgress(tx, o.ID); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
