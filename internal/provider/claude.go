package provider

import "github.com/awf-cred/awf-cred/internal/output"

// claudeModes are the variables by which Claude Code is told where its models are
// (Claude Code docs, "Environment variables").
var claudeModes = []string{
	"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE",
	"CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
}

// claudeMode sets one of them, none for the empty name, and removes the others:
// they exclude each other.
func claudeMode(name string) []output.Var {
	var vars []output.Var
	for _, mode := range claudeModes {
		if mode == name {
			vars = append(vars, output.Set(mode, "1"))
		} else {
			vars = append(vars, output.Tidy(mode))
		}
	}
	return vars
}
