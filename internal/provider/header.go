package provider

import (
	"errors"
	"strings"
)

// headerName checks a field name of HTTP (RFC 9110 section 5.6.2, token).
func headerName(value string) error {
	const token = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
	if value == "" || len(value) > 64 || strings.Trim(value, token) != "" {
		return errors.New("is not the name of an HTTP header")
	}
	switch name := strings.ToLower(value); name {
	case "host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
		"proxy-connection", "anthropic-version", "anthropic-beta":
		return errors.New("is a header that says something else")
	}
	return nil
}
