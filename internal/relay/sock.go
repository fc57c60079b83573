package relay

// readHeld reads into p, or into a pooled buffer if p is nil.
func (s *sock) readHeld(p []byte) ([]byte, int, error) {
	if p == nil {
		p = s.pool.getHead()
	}
	n, err := s.Read(p)
	if n > 0 {
		return p, n, nil
	}
	s.pool.putHead(p)
	return nil, 0, err
}
