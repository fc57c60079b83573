package config

import _ "embed"

//go:embed template.yaml
var template string

// Template is a commented config file with one profile for each provider: what
// `config init` writes. It is valid as it is; its ids are examples.
func Template() string { return template }
