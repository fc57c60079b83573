package tokensource

// For tests of pure functions.
var (
	RefreshAt = refreshAt
	Backoff   = backoff
)
