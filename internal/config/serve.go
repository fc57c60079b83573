package config

// ServeSection is the file's serve section.
type ServeSection struct {
	Listeners   []Listener
	AdminListen Setting // HOST:PORT, empty when not set
	Sinks       []Sink
}

// Listener is one listener of serve.
type Listener struct {
	Profile  string
	Listen   string // HOST:PORT or unix:PATH
	Upstream string // whole URL, empty: the profile's
	BasePath string
	Allow    []string // METHOD PATTERN, or the word inference
	Origin   Origin
}

// Sink is one file that serve keeps fresh.
type Sink struct {
	Profile string
	Kind    string
	Path    string
	Origin  Origin
}
