package serve

func (s *server) startSinks() {}
