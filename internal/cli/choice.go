package cli

import (
	"slices"

	"github.com/spf13/cobra"
)

// textOrJSON defines --format of the commands that tell people and programs the
// same.
func textOrJSON(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "`text|json`")
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
