package sandbox

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// github is the OIDC provider: mint endpoint, discovery document and keys.
func github(s *Sandbox) vendor {
	return vendor{
		name:  HostGitHub,
		has:   []Endpoint{Mint, Discovery, JWKS},
		limit: func(Endpoint) int64 { return 64 << 10 },
		route: func(r *request) (Endpoint, handler) {
			switch {
			case strings.HasSuffix(r.path, "/idtoken"):
				return Mint, s.mint
			case strings.HasSuffix(r.path, "/.well-known/openid-configuration"):
				return Discovery, s.discovery
			case strings.HasSuffix(r.path, "/.well-known/jwks"):
				return JWKS, s.jwks
			}
			return HostGitHub.unknown(), func(*request) *reply { return mintError(404, "The resource cannot be found.") }
		},
		arrived: func(r *request) {
			if r.endpoint == Mint {
				j := s.jobByToken(r)
				if j != nil {
					r.identity = j.Name
				}
				s.count("", r.identity, func(t *Tally) { t.MintRequests++ })
			}
		},
		failure: func(*request) failure {
			return func(status int, code string) *reply { return mintError(status, "Error "+http.StatusText(status)+code) }
		},
		tooLarge: func(*request) *reply { return mintError(413, "Request body too large.") },
	}
}

// mint answers GitHub's id-token request (actions/toolkit, oidc-utils.ts): GET
// with the bearer of the job, an api-version in the URL and an audience at most.
func (s *Sandbox) mint(r *request) *reply {
	if r.method != http.MethodGet {
		return mintError(http.StatusMethodNotAllowed, "The requested resource does not support http method '"+r.method+"'.")
	}
	if len(r.query["api-version"]) != 1 || r.query.Get("api-version") != "2.0" {
		return mintError(http.StatusBadRequest, "No api-version was supplied for the request.")
	}
	audience := r.query["audience"]
	if len(audience) > 1 || len(audience) == 1 && audience[0] == "" {
		return mintError(http.StatusBadRequest, "The audience is not valid.")
	}
	j := s.jobByToken(r)
	if j == nil || expired(j.RequestToken, s.Now().Unix()) {
		return mintError(http.StatusUnauthorized, "The request is not authenticated.")
	}
	if r.path != j.mintPath() {
		if s.jobByPath(r.path) != nil {
			return mintError(http.StatusForbidden, "The job is not allowed to request this token.")
		}
		return mintError(http.StatusNotFound, "The job was not found.")
	}
	token := s.MintToken(Token{Job: j, Audience: strings.Join(audience, "")})
	s.count("", j.Name, func(t *Tally) { t.Mints++ })
	return respondJSON(http.StatusOK, map[string]any{"count": 1, "value": token}).
		with("Content-Type", "application/json; charset=utf-8; api-version=2.0").with("Cache-Control", "no-store")
}

// jobByToken is the job whose request token the request bears.
func (s *Sandbox) jobByToken(r *request) *Job {
	scheme, token, _ := strings.Cut(r.header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || len(r.header["Authorization"]) != 1 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if subtle.ConstantTimeCompare([]byte(j.RequestToken), []byte(token)) == 1 {
			return j
		}
	}
	return nil
}

func (s *Sandbox) jobByPath(path string) *Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.mintPath() == path {
			return j
		}
	}
	return nil
}

// expired looks at the exp of a request token, where it is a JWT.
func expired(token string, now int64) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp int64 `json:"exp"`
	}
	return err == nil && json.Unmarshal(raw, &claims) == nil && claims.Exp != 0 && now >= claims.Exp
}

// mintError has the shape of the service behind the mint endpoint; GitHub does
// not document it.
func mintError(status int, message string) *reply {
	return respondJSON(status, map[string]any{
		"$id": "1", "innerException": nil, "message": message, "typeName": "GitHub.Services.WebApi.VssServiceException",
		"typeKey": "VssServiceException", "errorCode": 0, "eventId": 3000,
	})
}

// discovery is the OpenID configuration, at the root and below the enterprise slug.
func (s *Sandbox) discovery(*request) *reply {
	return respondJSON(http.StatusOK, map[string]any{
		"issuer": s.Issuer(), "jwks_uri": s.URL(HostGitHub) + "/.well-known/jwks",
		"subject_types_supported":  []string{"public", "pairwise"},
		"response_types_supported": []string{"id_token"},
		"claims_supported": []string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha", "repository",
			"repository_id", "repository_owner", "repository_owner_id", "run_id", "environment", "event_name"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid"},
	})
}

func (s *Sandbox) jwks(*request) *reply { return respondJSON(http.StatusOK, s.keys.set()) }
