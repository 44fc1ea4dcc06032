package camera

// MovePins has the cameras that are to be recorded to one volume recorded to another one, which was made in its place.
func (s *Set) MovePins(from, to string) {
	s.change.Lock()
	defer s.change.Unlock()
	for id := range s.Names() {
		if s.Pinned(id) != from {
			continue
		}
		row, err := s.cfg.Store.Change(id, func(row Row) (Row, error) {
			row.Plan.Volume = to
			return row, nil
		})
		if err != nil {
			s.cfg.Log.Error("camera cannot be moved to another volume", "camera", id, "volume", to, "err", err)
			continue
		}
		s.cfg.Log.Info("camera is to be recorded to another volume", "camera", id, "from", from, "to", to)
		s.put(row, "")
	}
}
