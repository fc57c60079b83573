package output

// Setting is one line of `config show`, its value redacted by the caller where
// it is secret.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // flag --x, env NAME, file PATH:LINE, default
}

// SettingsJSON is what `config show --format json` prints.
func SettingsJSON(settings []Setting) ([]byte, error) {
	if settings == nil {
		settings = []Setting{}
	}
	return JSON(struct {
		Settings []Setting `json:"settings"`
	}{settings})
}
