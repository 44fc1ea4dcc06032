package archive

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/services/engine/internal/mkv"
)

// Past returns the cameras that have footage but are not set up, as known tells, in order of name. The files say what
// they were called, so that neither removing a camera nor losing all settings makes its recordings unreachable.
func (a *Archive) Past(known func(camera string) bool) ([]api.PastCamera, error) {
	ids, err := a.idx.Cameras()
	if err != nil {
		return nil, fmt.Errorf("list cameras with footage: %w", err)
	}
	out := []api.PastCamera{}
	for _, id := range ids {
		if known(id) {
			continue
		}
		first, last, found, err := a.Bounds(id)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, api.PastCamera{ID: id, Name: a.nameOnDisk(id, last), FirstMs: first, LastMs: last})
		}
	}
	slices.SortFunc(out, func(x, y api.PastCamera) int {
		return cmp.Or(strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), strings.Compare(x.ID, y.ID))
	})
	return out, nil
}

// nameOnDisk is what a camera's newest segment calls it; its id when that cannot be read now.
func (a *Archive) nameOnDisk(camera string, lastMs int64) string {
	list, err := a.idx.Segments(camera, lastMs-1, lastMs)
	if err != nil || len(list) == 0 {
		return camera
	}
	f, err := a.Open(list[len(list)-1].ID())
	if err != nil {
		return camera
	}
	defer f.File.Close()
	segment, err := mkv.Open(f.File, f.Size)
	if err != nil {
		return camera
	}
	return cmp.Or(segment.Meta().CameraName, camera)
}
