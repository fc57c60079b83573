package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// iam is the IAM Service Account Credentials API.
func iam(s *Sandbox) vendor {
	return vendor{
		name: HostIAM,
		has:  []Endpoint{GenerateAccessToken},
		route: func(r *request) (Endpoint, handler) {
			if strings.HasPrefix(r.path, "/v1/projects/-/serviceAccounts/") && strings.HasSuffix(r.path, ":generateAccessToken") {
				return GenerateAccessToken, s.generateAccessToken
			}
			return HostIAM.unknown(), func(*request) *reply { return googleError(404, "Requested entity was not found.") }
		},
		limit:    func(Endpoint) int64 { return 1 << 20 },
		tooLarge: func(*request) *reply { return googleError(413, "Request payload size exceeds the limit") },
		failure:  googleFailure,
		arrived: func(r *request) {
			if r.endpoint == GenerateAccessToken {
				s.arriveAPI(r, "gcp")
			}
		},
	}
}

func googleFailure(*request) failure {
	return func(status int, code string) *reply {
		p := googleError(status, http.StatusText(status))
		if code != "" {
			p = respondJSON(status, map[string]any{"error": map[string]any{"code": status, "message": http.StatusText(status), "status": code}})
		}
		return p
	}
}

// generateAccessToken answers the method of that name (Google Cloud, "Method:
// projects.serviceAccounts.generateAccessToken").
func (s *Sandbox) generateAccessToken(r *request) *reply {
	if r.method != http.MethodPost {
		return googleError(http.StatusNotFound, "Requested entity was not found.")
	}
	g, no := s.gcpBearer(r)
	if no != nil {
		return s.refuseAPI(r, "gcp", no, googleError(http.StatusUnauthorized, "Request had invalid authentication credentials."))
	}
	scopes := strings.Fields(g.scope)
	if !slices.Contains(scopes, cloudPlatform) && !slices.Contains(scopes, iamScope) {
		return s.refuseAPI(r, "gcp", refuse("scope", g.scope), googleError(http.StatusForbidden, "Request had insufficient authentication scopes."))
	}
	var body struct {
		Scope     []string `json:"scope"`
		Lifetime  string   `json:"lifetime"`
		Delegates []string `json:"delegates"`
	}
	if r.contentType() != "application/json" {
		return googleError(http.StatusBadRequest, "Invalid JSON payload received.")
	}
	d := json.NewDecoder(strings.NewReader(string(r.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return googleError(http.StatusBadRequest, "Invalid JSON payload received. "+err.Error())
	}
	pool := s.Pool()
	life, text := impersonationLife(body.Lifetime, pool)
	switch {
	case len(body.Scope) == 0:
		return googleError(http.StatusBadRequest, "Scope required.")
	case text != "":
		return googleError(http.StatusBadRequest, text)
	}
	if !impersonates(r.path, body.Delegates, pool) {
		return s.refuseAPI(r, "gcp", refuse("impersonation", r.path), googleError(http.StatusForbidden,
			"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."))
	}
	s.admit(r, "gcp")
	expires := s.Now().Add(life).UTC().Truncate(time.Second)
	token := newToken("gcp")
	s.grant(token, &grant{provider: "gcp", identity: r.identity, subject: pool.ServiceAccount, scope: strings.Join(body.Scope, " "), expires: expires})
	return respondJSON(http.StatusOK, map[string]string{"accessToken": token, "expireTime": expires.Format(time.RFC3339)})
}

// gcpBearer is the grant behind a bearer, which must come without an API key.
func (s *Sandbox) gcpBearer(r *request) (*grant, *refusal) {
	token, ok := r.bearer()
	switch {
	case !ok:
		return nil, refuse("credential_missing", "")
	case r.header.Get("X-Goog-Api-Key") != "" || r.query.Has("key") || r.query.Has("access_token"):
		return nil, refuse("two_credentials", "")
	}
	return s.granted("gcp", token)
}

// impersonationLife reads the duration, such as 3600s.
func impersonationLife(text string, pool Pool) (time.Duration, string) {
	if text == "" {
		return time.Hour, ""
	}
	digits, ok := strings.CutSuffix(text, "s")
	n, err := strconv.Atoi(digits)
	d := time.Duration(n) * time.Second
	switch {
	case !ok || err != nil || n <= 0:
		return 0, "Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration)"
	case d > pool.MaxLifetime:
		return 0, "The access token lifetime cannot exceed " + strconv.Itoa(int(pool.MaxLifetime.Seconds())) + "s."
	}
	return d, ""
}

func impersonates(path string, delegates []string, pool Pool) bool {
	account, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(path, "/v1/projects/-/serviceAccounts/"), ":generateAccessToken"))
	if err != nil || account != pool.ServiceAccount || len(delegates) != len(pool.Delegates) {
		return false
	}
	for i, d := range delegates {
		if d != "projects/-/serviceAccounts/"+pool.Delegates[i] {
			return false
		}
	}
	return true
}
