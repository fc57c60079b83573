package safehttp

// AgeAhead makes every connection that is made ahead too old at once.
func (c *Client) AgeAhead() { c.ahead.life = -1 }
