package camera

// trusted notes that a camera is known by a certificate from now on. It restarts nothing.
func (s *Set) trusted(id, rawURL, key string) {
	s.change.Lock()
	defer s.change.Unlock()
	if s.soft.Err() != nil {
		return
	}
	row, err := s.cfg.Store.Change(id, func(row Row) (Row, error) { return row.trust(rawURL, key), nil })
	if err != nil {
		s.cfg.Log.Warn("the camera's certificate is not noted", "camera", id, "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		sl.row = row
		for _, c := range sl.chains {
			c.cfg.certificate = row.certificateOf(c.cfg.url)
		}
	}
}
