package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Identity describes a job of GitHub Actions. Empty fields get values that make
// sense together; two identities never share a repository or run by accident.
type Identity struct {
	Name             string // for counters; empty means the repository
	Repository       string // OWNER/NAME
	RepositoryID     string
	OwnerID          string
	Visibility       string // private
	Ref              string // refs/heads/main
	Environment      string // none
	Event            string // push
	Actor            string
	RunID            string
	RunAttempt       string // 1
	Enterprise       string // none
	ImmutableSubject bool   // sub of the form repo:OWNER@ID/NAME@ID:...
	Subject          string // the whole sub; empty means GitHub's default
	RequestToken     string // bearer of the mint endpoint; empty means a fresh one
	// Claims are added to minted tokens, and replace claims of the same name; a
	// nil value removes the claim.
	Claims map[string]any
}

// Job is an identity that the sandbox knows, with its own request token.
type Job struct {
	Identity
	sandbox *Sandbox
	tenant  string
	plan    string
	job     string
}

// AddIdentity adds a job with a request token of its own.
func (s *Sandbox) AddIdentity(id Identity) *Job {
	s.mu.Lock()
	n := len(s.jobs) + 1
	s.mu.Unlock()
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	repository := "octo-org/octo-repo"
	if n > 1 {
		repository += "-" + strconv.Itoa(n)
	}
	set(&id.Repository, repository)
	set(&id.Name, id.Repository)
	set(&id.RepositoryID, strconv.Itoa(740000000+n))
	set(&id.OwnerID, "65789012")
	set(&id.Visibility, "private")
	set(&id.Ref, "refs/heads/main")
	set(&id.Event, "push")
	set(&id.Actor, "octocat")
	set(&id.RunID, strconv.Itoa(12345678900+n))
	set(&id.RunAttempt, "1")
	set(&id.RequestToken, requestToken(s.Now()))
	j := &Job{Identity: id, sandbox: s, tenant: randomText(24), plan: uuid(), job: uuid()}
	s.mu.Lock()
	s.jobs = append(s.jobs, j)
	s.mu.Unlock()
	return j
}

// requestToken has the shape of the job's access token: a JWT, valid from ten
// minutes before the job started to six hours and ten minutes after it.
func requestToken(now time.Time) string {
	payload, _ := json.Marshal(map[string]any{
		"nameid": uuid(), "scp": "Actions.GenericRead:" + uuid(), "iss": "vstoken.actions.githubusercontent.com",
		"nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(6*time.Hour + 10*time.Minute).Unix(),
	})
	return base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"RS256","x5t":"`+randomText(20)+`"}`)) +
		"." + base64.RawURLEncoding.EncodeToString(payload) + "." + randomText(256)
}

// Owner is the part of the repository before the slash.
func (id *Identity) Owner() string {
	owner, _, _ := strings.Cut(id.Repository, "/")
	return owner
}

// subject is the sub claim: an environment wins over a pull request, which wins
// over the ref (GitHub Docs, "OpenID Connect reference").
func (id *Identity) subject() string {
	if id.Subject != "" {
		return id.Subject
	}
	return id.subjectPrefix() + id.context()
}

func (id *Identity) subjectPrefix() string {
	owner, name, _ := strings.Cut(id.Repository, "/")
	if id.ImmutableSubject {
		return fmt.Sprintf("repo:%s@%s/%s@%s:", owner, id.OwnerID, name, id.RepositoryID)
	}
	return "repo:" + id.Repository + ":"
}

func (id *Identity) context() string {
	switch {
	case id.Environment != "":
		return "environment:" + id.Environment
	case id.Event == "pull_request":
		return "pull_request"
	default:
		return "ref:" + id.Ref
	}
}

// RequestURL is the job's ACTIONS_ID_TOKEN_REQUEST_URL.
func (j *Job) RequestURL() string {
	return j.sandbox.URL(HostGitHub) + j.mintPath() + "?api-version=2.0"
}

func (j *Job) mintPath() string {
	return "/" + url.PathEscape(j.tenant) + "/00000000-0000-0000-0000-000000000000/_apis/distributedtask/hubs/Actions/plans/" +
		j.plan + "/jobs/" + j.job + "/idtoken"
}

// GitHubEnv is what a runner gives to a step of this job.
func (j *Job) GitHubEnv() []string {
	env := []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + j.RequestURL(),
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + j.RequestToken,
		"GITHUB_SERVER_URL=https://github.com",
		"GITHUB_REPOSITORY=" + j.Repository,
		"GITHUB_REPOSITORY_ID=" + j.RepositoryID,
		"GITHUB_REPOSITORY_OWNER=" + j.Owner(),
		"GITHUB_EVENT_NAME=" + j.Event,
		"GITHUB_REF=" + j.Ref,
		"GITHUB_JOB=build",
		"GITHUB_WORKFLOW=ci",
		"GITHUB_RUN_ID=" + j.RunID,
		"GITHUB_RUN_ATTEMPT=" + j.RunAttempt,
	}
	if j.sandbox.cfg.GitHubActions {
		env = append(env, "GITHUB_ACTIONS=true", "CI=true")
	}
	return env
}

// GitHubEnv is what a runner gives to a step of the first job; not
// GITHUB_ACTIONS, unless Config.GitHubActions asks for it.
func (s *Sandbox) GitHubEnv() []string { return s.Job().GitHubEnv() }

// Job is the first job.
func (s *Sandbox) Job() *Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[0]
}
