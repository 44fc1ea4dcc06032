package camera

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/internal/strictjson"
)

// maxTransfer is how many cameras a configuration that is brought may have.
const maxTransfer = 1000

// Rows returns the cameras' rows, passwords and all, in order of id: for a configuration that is taken away.
func Rows(tx *mirror.Tx) ([]Row, error) { return list(tx) }

// DecodeRows reads rows that came from outside; what a row does not say is as in one that is new. The error is an
// *answer.Problem.
func DecodeRows(list []json.RawMessage) ([]Row, error) {
	if len(list) > maxTransfer {
		return nil, answer.Refuse(http.StatusBadRequest, "too_many", fmt.Sprintf("The file has %d cameras; %d can be had.", len(list), maxTransfer))
	}
	var out []Row
	ids, names := map[string]bool{}, map[string]bool{}
	for i, b := range list {
		row := blank()
		if err := strictjson.Decode(b, &row); err != nil {
			return nil, bad(i, row.Name, "this version cannot read it ("+err.Error()+").")
		}
		row, err := row.checked()
		var problem *answer.Problem
		switch name := strings.ToLower(row.Name); {
		case errors.As(err, &problem):
			return nil, bad(i, row.Name, problem.Detail.Message)
		case err != nil:
			return nil, err
		case ids[row.ID] || names[name]:
			return nil, bad(i, row.Name, "it is there twice.")
		default:
			ids[row.ID], names[name] = true, true
		}
		out = append(out, row)
	}
	return out, nil
}

func bad(i int, name, why string) *answer.Problem {
	return answer.Refuse(http.StatusBadRequest, "bad_camera", fmt.Sprintf("Camera %d of the file (%q): %s", i+1, name, why))
}

// checked is the row as a request for the same would make it.
func (row Row) checked() (Row, error) {
	if !ValidID(row.ID) || row.CreatedMs < 0 {
		return row, answer.Refuse(http.StatusBadRequest, "bad_id", "its id is none.")
	}
	next := blank()
	next.ID, next.CreatedMs = row.ID, row.CreatedMs
	of := row.api()
	made, err := next.With(api.CameraRequest{
		Name: row.Name, URL: row.URL, Username: row.Username, Password: &row.Password, Enabled: row.Enabled, SubURL: &row.SubURL,
		Transport: row.Transport, Certificate: &row.Certificate, Audio: &row.Audio, Recording: &of.Recording, Retention: &of.Retention,
	})
	if err != nil {
		return row, err
	}
	return made, nil
}

// Replace puts rows that were checked in the place of all that there are.
func Replace(tx *mirror.Tx, rows []Row) error {
	if err := tx.Clear(bucket); err != nil {
		return err
	}
	for _, row := range rows {
		b, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if err := tx.Put(bucket, []byte(row.ID), b); err != nil {
			return err
		}
	}
	return nil
}

// Goes refuses a row whose plan goes by a calendar that is not known.
func (row Row) Goes(known func(calendar string) bool) error {
	for _, id := range []string{row.Plan.Standard.Calendar, row.Plan.Alarm.Calendar} {
		if !known(id) {
			return answer.Refuse(http.StatusBadRequest, "no_calendar", fmt.Sprintf("Camera %q of the file is to be recorded by a calendar that is not in the file.", row.Name))
		}
	}
	return nil
}
