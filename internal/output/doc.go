// Package output turns a credential into bytes: formats, shell dialects, GitHub
// command files and masks. Its functions are pure: time, randomness and the state
// of the environment are parameters, so that a golden file holds every byte.
//
// [Formats] is the table of what `token --format` prints, [Dialects] the table of
// what `env --shell` prints; a new one is one row. The JSON shapes that other
// programs read are types of their own here, never the working types.
//
// An output that cannot be made safe is refused with an *exchange.Error of class
// usage; a half output is never returned.
package output
