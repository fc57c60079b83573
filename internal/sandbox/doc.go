// Package sandbox is a loopback stand-in for the outside world: GitHub's OIDC
// endpoint, the vendors' token endpoints and their APIs, each as strict as the
// original and each able to refuse, stall and break on demand.
//
// In a test:
//
//	sb := sandbox.Start(t)
//	cmd.Env = append(cmd.Env, sb.GitHubEnv()...)
//	cmd.Env = append(cmd.Env, sb.AnthropicEnv()...)
//	sb.AddFault(sandbox.AnthropicToken, sandbox.Status(503))
//	... run the command ...
//	assert.Equal(t, 2, sb.Counts().Exchanges)
//
// Every vendor has a listener of its own on 127.0.0.1 that speaks plain HTTP/1.1
// and TLS on the same port: the first byte of a connection decides. The server
// is our own few hundred lines, so that tests see the raw bytes of a request
// head and faults can act between any two bytes of an answer.
//
// A Sandbox is safe for concurrent use. It imports nothing of this project, so
// that it cannot share a mistake with what it checks, and it must never be
// linked into the product.
package sandbox
