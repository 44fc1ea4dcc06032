package server

import (
	"errors"
	"net/http"
	"path"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/web/internal/layouts"
	"vigie/services/web/internal/sessions"
)

// layouts is the store of the users' layouts, once the accounts are open.
func (s *Server) layouts() (*layouts.Store, error) {
	a := s.accounts.Load()
	if a == nil {
		return nil, waiting()
	}
	return layouts.New(a.Database()), nil
}

func (s *Server) listLayouts(w http.ResponseWriter, _ *http.Request, session *sessions.Session) error {
	store, err := s.layouts()
	if err != nil {
		return err
	}
	list, err := store.List(session.Username)
	if err != nil {
		return err
	}
	out := make([]api.Layout, 0, len(list))
	for _, l := range list {
		out = append(out, describeLayout(l))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

func (s *Server) addLayout(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	store, err := s.layouts()
	if err != nil {
		return err
	}
	l, err := readLayout(w, r)
	if err != nil {
		return err
	}
	if l, err = store.Add(session.Username, l); err != nil {
		return layoutProblem(err)
	}
	answer.JSON(w, http.StatusCreated, describeLayout(l))
	return nil
}

func (s *Server) putLayout(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	store, err := s.layouts()
	if err != nil {
		return err
	}
	l, err := readLayout(w, r)
	if err != nil {
		return err
	}
	l.ID = layoutID(r)
	if err := store.Put(session.Username, l); err != nil {
		return layoutProblem(err)
	}
	answer.JSON(w, http.StatusOK, describeLayout(l))
	return nil
}

func (s *Server) deleteLayout(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	store, err := s.layouts()
	if err != nil {
		return err
	}
	if err := store.Delete(session.Username, layoutID(r)); err != nil {
		return layoutProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// layoutID is the last part of the path, which the routes have found fit.
func layoutID(r *http.Request) string { return path.Base(r.URL.Path) }

// layoutProblem words what the store refuses.
func layoutProblem(err error) error {
	switch {
	case errors.Is(err, layouts.ErrUnknown):
		return answer.Refuse(http.StatusNotFound, "no_layout", "There is no such layout; it may have been deleted in another window.")
	case errors.Is(err, layouts.ErrTaken):
		p := answer.Field("name", "name_taken", "You have a layout of this name. Choose another name, or change that layout.")
		p.Status = http.StatusConflict
		return p
	case errors.Is(err, layouts.ErrFull):
		return answer.Refuse(http.StatusConflict, "too_many_layouts", "You have as many layouts as there may be. Delete one first.")
	}
	return err
}

// readLayout reads and checks a layout of a request.
func readLayout(w http.ResponseWriter, r *http.Request) (l layouts.Layout, err error) {
	var req api.LayoutRequest
	if err := answer.Read(w, r, &req); err != nil {
		return l, err
	}
	l = layouts.Layout{Name: req.Name, Columns: req.Columns, Rows: req.Rows}
	for _, t := range req.Tiles {
		l.Tiles = append(l.Tiles, layouts.Tile{Column: t.Column, Row: t.Row, Columns: t.Columns, Rows: t.Rows, Kind: layouts.Kind(t.Kind), Camera: t.Camera})
	}
	if f := new(layouts.Fault); errors.As(l.Check(), &f) {
		return l, answer.Field(f.Field, "bad_layout", f.Message)
	}
	return l, nil
}

func describeLayout(l layouts.Layout) api.Layout {
	out := api.Layout{ID: l.ID, Name: l.Name, Columns: l.Columns, Rows: l.Rows, Tiles: []api.LayoutTile{}}
	for _, t := range l.Tiles {
		out.Tiles = append(out.Tiles, api.LayoutTile{Column: t.Column, Row: t.Row, Columns: t.Columns, Rows: t.Rows, Kind: api.LayoutTileKind(t.Kind), Camera: t.Camera})
	}
	return out
}
