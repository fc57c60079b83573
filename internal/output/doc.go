// Package output turns a credential into bytes: formats, shell dialects, GitHub
// command files and masks. Its functions are pure.
package output
