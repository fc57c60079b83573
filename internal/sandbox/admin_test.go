package sandbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func TestTheAdminListenerReadsAndChangesEverything(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithTLS())
	get := func(path string) answer { return do(t, sb, "GET", sb.URL(sandbox.HostAdmin)+path, nil, "") }
	post := func(path, body string) answer { return do(t, sb, "POST", sb.URL(sandbox.HostAdmin)+path, nil, body) }

	require.Equal(t, 200, post("/faults", `{"endpoint":"anthropic.token","faults":[{"status":503,"header":{"Retry-After":["2"]}}]}`).StatusCode)
	assert.EqualValues(t, 1, get("/faults").json(t)["anthropic.token"])
	broken := exchange(t, sb, good(sb), nil)
	assert.Equal(t, 503, broken.StatusCode)
	assert.Equal(t, "2", broken.Header.Get("Retry-After"))

	granted := exchange(t, sb, good(sb), nil)
	require.Equal(t, 200, granted.StatusCode)
	token := granted.json(t)["access_token"].(string)
	assert.Equal(t, true, post("/revoke", `{"token":"`+token+`"}`).json(t)["revoked"])
	assert.Equal(t, 401, call(t, sb, map[string]string{"Authorization": "Bearer " + token}).StatusCode)
	assert.Equal(t, false, post("/revoke", `{"token":"unknown"}`).json(t)["revoked"])

	assert.Equal(t, 200, post("/rule", `{"subject_prefix":"repo:else/*","token_lifetime":"5m"}`).StatusCode)
	assert.Equal(t, "repo:else/*", get("/rule").json(t)["subject_prefix"])
	assert.Equal(t, 5*time.Minute, sb.Rule().TokenLifetime)
	assert.Equal(t, 401, exchange(t, sb, good(sb), nil).StatusCode)

	assert.Equal(t, 200, post("/clock", `{"offset":"31s"}`).StatusCode)
	assert.WithinDuration(t, time.Now().Add(31*time.Second), sb.Now(), 10*time.Second)

	counts := get("/counts").json(t)
	assert.EqualValues(t, 3, counts["exchanges"])
	assert.EqualValues(t, 0, counts["replays"])
	assert.EqualValues(t, 1, counts["providers"].(map[string]any)["anthropic"].(map[string]any)["refused"])
	var history []sandbox.Event
	require.NoError(t, json.Unmarshal(get("/history").body, &history))
	assert.Equal(t, "match_subject_prefix", history[len(history)-1].Reason)
	var requests []map[string]any
	require.NoError(t, json.Unmarshal(get("/requests?endpoint=anthropic.token").body, &requests))
	assert.Len(t, requests, 3)

	assert.Equal(t, 200, post("/stream", `{"events":7,"interval":"1ms"}`).StatusCode)
	assert.Equal(t, 200, post("/reset", `{}`).StatusCode)
	assert.EqualValues(t, 0, get("/counts").json(t)["exchanges"])
}

func TestTheAdminListenerOpensGates(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	admin := sb.URL(sandbox.HostAdmin)
	do(t, sb, "POST", admin+"/faults", nil, `{"endpoint":"anthropic.echo","faults":[{"gate":"g"}]}`)
	status := make(chan int)
	go func() { status <- do(t, sb, "GET", sb.URL(sandbox.HostAnthropic)+"/echo", nil, "").StatusCode }()
	require.NoError(t, sb.Await(t.Context(), func(c sandbox.Counts) bool { return c.Faulted == 1 }))
	do(t, sb, "POST", admin+"/open", nil, `{"gate":"g"}`)
	assert.Equal(t, 200, <-status)
	assert.EqualValues(t, 1, do(t, sb, "GET", admin+"/arrived?gate=g", nil, "").json(t)["arrived"])
}

func TestTheAdminListenerNamesMistakes(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for path, body := range map[string]string{
		"/faults": `{"endpoint":"nowhere","faults":[{"status":500}]}`,
		"/clock":  `{"offset":31}`,
		"/rule":   `{"prefix":"x"}`,
		"/revoke": `token`,
		"/nope":   `{}`,
	} {
		a := do(t, sb, "POST", sb.URL(sandbox.HostAdmin)+path, nil, body)
		assert.GreaterOrEqual(t, a.StatusCode, 400, path)
		assert.NotEmpty(t, a.json(t)["error"], path)
	}
}
