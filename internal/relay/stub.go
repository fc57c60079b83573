package relay

// Upstream is one host with its pool of connections.
type Upstream struct{}

type clientConn struct{}
