package serve

import "net/http"

// credentialsPath is where the container-credentials endpoint is announced; it
// answers on every path.
const credentialsPath = "/"

func (s *server) credentialsHandler() http.Handler { return http.NotFoundHandler() }
