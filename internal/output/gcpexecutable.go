package output

import (
	"encoding/json"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// GCPExecutableFormat is the word for the answer to Google's libraries. It is no
// form of a credential: it holds the identity token, and the library makes the
// exchange (AIP-4117, "Executable-sourced credentials").
const GCPExecutableFormat = "gcp-executable"

// The token types that the library may ask for (RFC 8693 section 3).
const (
	TokenTypeJWT     = "urn:ietf:params:oauth:token-type:jwt"
	TokenTypeIDToken = "urn:ietf:params:oauth:token-type:id_token"
)

type executableShape struct {
	Version        int    `json:"version"`
	Success        bool   `json:"success"`
	TokenType      string `json:"token_type"`
	IDToken        string `json:"id_token"`
	ExpirationTime int64  `json:"expiration_time"` // Unix seconds
}

// GCPExecutable is the answer with an identity token.
func GCPExecutable(tokenType string, token secret.Value, expires time.Time) ([]byte, error) {
	return JSON(executableShape{Version: 1, Success: true, TokenType: tokenType, IDToken: token.Reveal(), ExpirationTime: expires.Unix()})
}

// GCPExecutableFailure is the answer when there is none. The contract wants it on
// standard output, and all four fields.
func GCPExecutableFailure(f Failure) ([]byte, error) {
	code := f.Class
	if f.Status != 0 {
		text, err := json.Marshal(f.Status)
		if err != nil {
			return nil, err
		}
		code = string(text)
	}
	message := f.Message
	if f.Hint != "" {
		message += " (" + f.Hint + ")"
	}
	return JSON(struct {
		Version int    `json:"version"`
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}{1, false, code, message})
}
