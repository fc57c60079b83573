package sandbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func TestResetForgetsAllButTheUsedUp(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	token := good(sb)
	granted := exchange(t, sb, token, nil).json(t)["access_token"].(string)
	sb.ClockOffset(time.Hour)
	sb.AddFault("*", sandbox.Status(500).Always())
	gate := sb.Barrier(sandbox.Mint, 1)

	sb.Reset()

	assert.Zero(t, sb.Counts().Tally)
	assert.Empty(t, sb.Counts().Endpoints)
	assert.Empty(t, sb.Counts().Connections)
	assert.Empty(t, sb.Requests())
	assert.Empty(t, sb.History())
	assert.WithinDuration(t, time.Now(), sb.Now(), time.Minute, "the clock's offset is gone")
	assert.Equal(t, 401, call(t, sb, map[string]string{"Authorization": "Bearer " + granted}).StatusCode, "and so are the grants")
	mint(t, sb, sb.Job(), "")
	assert.Zero(t, gate.Arrived(), "the barrier went with the faults")
	assert.Equal(t, 401, exchange(t, sb, token, nil).StatusCode, "what was used up stays used up")
	assert.Equal(t, 1, sb.Counts().Replays)
}

func TestRevokeAllEndsEveryGrant(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	a, b := sb.GrantToken("anthropic", time.Hour), sb.GrantToken("anthropic", time.Hour)
	sb.RevokeAll()
	assert.Equal(t, 401, call(t, sb, map[string]string{"Authorization": "Bearer " + a}).StatusCode)
	assert.Equal(t, 401, call(t, sb, map[string]string{"Authorization": "Bearer " + b}).StatusCode)
	assert.False(t, sb.Revoke("unknown"))
}
