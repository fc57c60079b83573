package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// textOrJSON defines --format of the commands that tell people and programs the
// same.
func textOrJSON(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "`word`: text or json")
}

func checkTextOrJSON(format string) error {
	return checkChoice("format", format, []string{"text", "json"})
}

func checkChoice(flag, value string, words []string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return oneOf(flag, value, words)
}

// wordList is a, b or c.
func wordList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
