package serve

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// credentialsPath is where the container-credentials endpoint is announced; it
// answers on every path.
const credentialsPath = "/"

// containerCredentials is the answer of the protocol (AWS SDK reference, "Container
// credential provider"); the session token is called Token there.
type containerCredentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string // RFC 3339, UTC
}

// containerError is its error.
type containerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// credentialsHandler gives the AWS SDKs the credential of a profile, so that they
// refresh by themselves. Nobody is answered without the key; a request that went
// through another server of this machine, which somebody else may have steered
// here, is refused.
func (s *server) credentialsHandler() http.Handler {
	p := s.slot(s.o.CredentialsProfile)
	answersTo := proxy.AnswersTo(s.credentials.Addr(), s.o.AllowedHosts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !answersTo(r.Host):
			answerJSON(w, http.StatusMisdirectedRequest, containerError{"HostNotAllowed", "the Host header names another server"})
		case forwarded(r.Header):
			answerJSON(w, http.StatusForbidden, containerError{"ForwardedRequest", "forwarded requests are not answered"})
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			answerJSON(w, http.StatusMethodNotAllowed, containerError{"MethodNotAllowed", "only GET is answered"})
		case !s.authorized(r):
			answerJSON(w, http.StatusUnauthorized, containerError{"Unauthorized", "the authorization token is missing or wrong"})
		default:
			s.containerAnswer(w, r, p)
		}
	})
}

// forwarded reports whether a request came through somebody else: other servers,
// or a web page.
func forwarded(h http.Header) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "Origin"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return strings.Contains(h.Get("Sec-Fetch-Site"), "site")
}

// authorized reports whether a request shows the key: SDKs send the token as it is,
// without a scheme.
func (s *server) authorized(r *http.Request) bool {
	shown := r.Header.Values("Authorization")
	key := s.o.CredentialsKey
	if key == nil {
		key = s.o.Key
	}
	return len(shown) == 1 && key.Matches(strings.TrimPrefix(shown[0], "Bearer "))
}

// containerWait bounds the wait for a credential: SDKs give up after a few seconds.
const containerWait = 5 * time.Second

func (s *server) containerAnswer(w http.ResponseWriter, r *http.Request, p *slot) {
	ctx, cancel := context.WithTimeout(r.Context(), containerWait)
	defer cancel()
	c, err := p.Credential(ctx)
	if err == nil && (c.Kind != exchange.AWS || c.AWS == nil) {
		err = usage("credentials endpoint: the profile's credential is none of AWS")
	}
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryShortly/time.Second)))
		answerJSON(w, http.StatusServiceUnavailable, containerError{"CredentialsUnavailable", "there is no credential now; see the log of awf-cred"})
		return
	}
	answerJSON(w, http.StatusOK, containerCredentials{
		AccessKeyID: c.AWS.AccessKeyID.Reveal(), SecretAccessKey: c.AWS.SecretAccessKey.Reveal(), Token: c.AWS.SessionToken.Reveal(),
		Expiration: c.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z"),
	})
}

// retryShortly is when a client may ask again: a request makes the source try 5 s
// after its last attempt.
const retryShortly = 5 * time.Second
