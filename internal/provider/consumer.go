package provider

import (
	"slices"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// unknownConsumer is the error for a word that `--for` does not take.
func unknownConsumer(provider string, words []string) error {
	return &exchange.Error{Provider: provider, Step: "env --for", Cause: exchange.Usage,
		Description: "the word is not one of this provider's", Hint: "choose one of: " + strings.Join(words, ", ")}
}

// Consumers are the words that `--for` takes, of all providers, each once.
func Consumers() []string {
	var words []string
	for _, p := range All {
		for _, word := range p.Consumers {
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// Names are the names of all providers.
func Names() []string {
	names := make([]string, len(All))
	for i, p := range All {
		names[i] = p.Name
	}
	return names
}
