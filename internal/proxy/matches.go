package proxy

// Matches reports whether shown is the key, for listeners that are no proxies. It
// takes the same time whatever the two have in common.
func (k *Key) Matches(shown string) bool { return k.is([]byte(shown)) }
