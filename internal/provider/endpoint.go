package provider

import (
	"maps"

	"github.com/awf-cred/awf-cred/internal/config"
)

// ChangedEndpoints are the fields that lead an exchange elsewhere than to the
// vendor: without such a field it would be another one. A field that repeats the
// vendor's URL (Azure sets AZURE_AUTHORITY_HOST in every pod), or that a stronger
// one overrules, changes nothing.
func (p Provider) ChangedEndpoints(v config.Values, d Deps) (names []string) {
	with, err := p.New(v, d)
	if err != nil {
		return nil
	}
	for _, name := range p.Endpoints {
		if v.Get(name) == "" {
			continue
		}
		less := maps.Clone(v)
		delete(less, name)
		without, err := p.New(less, d)
		if err != nil || without.Fingerprint() != with.Fingerprint() {
			names = append(names, name)
		}
	}
	return names
}
