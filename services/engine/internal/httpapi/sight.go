package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/camera"
)

// sight is what who asks may see, as web says. Where the operation is not about one camera, what it tells is cut down
// to them; what is about another camera is answered as if it were not there. Operations that only administrators may ask for
// need not look: they are never limited. Who does not come through web, as init and the tests, sees all.
type sight struct {
	limited    bool
	only       []string // cameras, when limited
	administer bool
}

func sightOf(r *http.Request) sight {
	ids, limited := list(r, "Vigie-Cameras")
	may, told := list(r, "Vigie-Rights")
	return sight{limited, ids, !told || slices.Contains(may, "administer")}
}

// list reads a header with values between commas.
func list(r *http.Request, header string) (values []string, ok bool) {
	lines, ok := r.Header[header]
	return strings.Split(strings.Join(lines, ","), ","), ok
}

func (s sight) sees(camera string) bool { return !s.limited || slices.Contains(s.only, camera) }

// within leaves of a list what is about cameras in sight. It may reuse the list's memory.
func within[T any](s sight, list []T, camera func(T) string) []T {
	if !s.limited {
		return list
	}
	return slices.DeleteFunc(list, func(v T) bool { return !s.sees(camera(v)) })
}

// describe leaves of a camera what who asks may know: where it is, and by what name it is logged in to, is for who administers.
func (s sight) describe(c api.Camera) api.Camera {
	if !s.administer {
		c.URL, c.SubURL, c.Username, c.Certificate = "", "", "", ""
	}
	return c
}

// seesExport says whether all that an export holds is in sight.
func (s sight) seesExport(e api.Export) bool {
	return !slices.ContainsFunc(e.Cameras, func(c api.ExportCamera) bool { return !s.sees(c.ID) })
}

// noCamera answers for a camera that is not there, or not in sight.
func noCamera() *answer.Problem {
	return answer.Refuse(http.StatusNotFound, "no_camera", "There is no such camera; it may have been removed.")
}

// cameraID returns the id in the path; one that cannot exist is refused before it becomes a folder name or a key.
func cameraID(r *http.Request) (string, error) {
	id := r.PathValue("camera")
	if !camera.ValidID(id) || !sightOf(r).sees(id) {
		return "", noCamera()
	}
	return id, nil
}

// cameraField checks a camera that a request names otherwise than by its path.
func cameraField(r *http.Request, name, id string) error {
	if !camera.ValidID(id) || !sightOf(r).sees(id) {
		return answer.Field(name, "no_camera", noCamera().Detail.Message)
	}
	return nil
}
