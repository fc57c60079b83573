package hostile

import (
	"fmt"
	"strings"
	"time"
)

// clientKey is the rows H590 to H607.
func clientKey() []Case {
	var refusals []Case
	bad := func(name string, raws ...string) {
		c := Case{Name: name, Role: Keyed, Want: answered(401)}
		for _, r := range raws {
			c.Tries = append(c.Tries, Try{Raw: r})
		}
		refusals = append(refusals, c)
	}
	with := func(lines ...string) string { return post("/v1/messages", lines...) }
	bad("no key", with())
	bad("a wrong key", with("Authorization: Bearer {wrongkey}"), with("x-api-key: {wrongkey}"), post("/{wrongkey}/v1/messages"),
		with("Authorization: Basic {basicwrong}"), with("Authorization: Digest {key}"))
	bad("a prefix of the key", with("Authorization: Bearer {prefix}"), with("x-api-key: {prefix}"), post("/{prefix}/v1/messages"), with("x-api-key: "), with("Authorization: Bearer"))
	bad("the key and a blank", with("Authorization: Bearer {key} x"), with("x-api-key: {key} {key}"), post("/{key}%20/v1/messages"), with("x-api-key: {key}\t."))
	bad("the key in another case", with("Authorization: Bearer {upperkey}"), with("x-api-key: {upperkey}"), post("/{upperkey}/v1/messages"))
	bad("a right key and a wrong one", with("Authorization: Bearer {key}", "x-api-key: {wrongkey}"), with("x-api-key: {wrongkey}", "Authorization: Bearer {key}"),
		with("x-api-key: {key}", "x-api-key: {wrongkey}"), with("api-key: {wrongkey}", "x_goog_api_key: {key}"), with("Authorization: Bearer {key}", "Authorization: Bearer {wrongkey}"))
	bad("the key in another header", with("X-Client-Key: {key}"), with("X-Auth-Token: {key}"), with("Proxy-Authorization: Bearer {key}"))
	bad("the key in the query", post("/v1/messages?key={key}"), post("/v1/messages?api_key={key}"))
	bad("the key in a cookie", with("Cookie: key={key}; x-api-key={key}"))
	bad("a key of 32 KiB", with("Authorization: Bearer "+strings.Repeat("k", 32<<10)), with("x-api-key: {key}"+strings.Repeat("k", 32<<10)), post("/"+strings.Repeat("k", 32<<10)+"/v1"))
	all := row(590, refusals...)

	good := func(name, line string) Case {
		return Case{Name: "the key in " + name, Role: Keyed, Want: served, Tries: []Try{
			{Raw: with(line), Target: "/v1/messages", Keep: arrived, Body: body, Exactly: true},
			{Raw: post("/{key}/v1/messages", line), Target: "/v1/messages", Keep: arrived, Body: body, Exactly: true}}}
	}
	all = append(all, row(600,
		good("Authorization: Bearer", "Authorization: Bearer {key}"),
		good("authorization: bearer", "authorization: bearer {key}"),
		good("x-api-key", "x-api-key: {key}"),
		good("api-key", "api-key: {key}"),
		good("x-goog-api-key", "x-goog-api-key: {key}"),
	)...)

	health := func(name string, targets []string, lines ...string) Case {
		c := Case{Name: name, Role: Keyed, Want: answered(200)}
		for _, t := range targets {
			c.Tries = append(c.Tries, Try{Raw: get(t, lines...)})
		}
		return c
	}
	all = append(all, row(605,
		health("the key sent to /health", []string{"/health", "/{key}/health"}, "Authorization: Bearer {key}"),
		health("no key sent to /health", []string{"/health"}),
	)...)
	return append(all, row(607,
		Case{Name: "1,000 wrong keys in a second", Role: Keyed, Want: served, Run: manyWrongKeys},
		Case{Name: "the key is rotated", Role: Keyed, Want: served, Run: rotatedKey},
	)...)
}

// manyWrongKeys guesses from a few connections while a client with the right key
// goes on.
func manyWrongKeys(s *Session) error {
	const guesses = 1000
	done := make(chan error, 1)
	go func() {
		c, err := s.dial()
		if err != nil {
			done <- err
			return
		}
		defer func() { c.Close() }()
		for i := range guesses {
			c.send(s.fill(get("/v1/models", fmt.Sprintf("x-api-key: guess-%d-{wrongkey}", i))))
			r, err := c.reply(false)
			if err != nil || r.Status != 401 {
				done <- fmt.Errorf("guess %d got %d: %w", i, r.Status, err)
				return
			}
			if r.Closing {
				c.Close()
				if c, err = s.dial(); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	served := 0
	for {
		select {
		case err := <-done:
			if err == nil && served == 0 {
				err = fmt.Errorf("nobody with the right key was served meanwhile")
			}
			return err
		default:
		}
		start := time.Now()
		if err := s.answeredAfter(get("/v1/models", "x-api-key: {key}"), 200); err != nil {
			return fmt.Errorf("with the right key: %w", err)
		}
		if d := time.Since(start); d > 2*time.Second {
			return fmt.Errorf("the right key waited %v", d)
		}
		served++
	}
}

// rotatedKey replaces the key; the old one must be refused, the new one served.
func rotatedKey(s *Session) error {
	old, fresh := s.target.Key(), newKey()
	defer func() { _ = s.target.Rotate(old) }()
	if err := s.target.Rotate(fresh); err != nil {
		return err
	}
	with := func(key string) error {
		return s.eventually(3*time.Second, func() error {
			if err := s.answeredAfter(get("/v1/models", "x-api-key: "+key), 200); err != nil {
				return err
			}
			return s.answeredAfter(get("/v1/models", "x-api-key: "+map[bool]string{true: old, false: fresh}[key == fresh]), 401)
		})
	}
	if err := with(fresh); err != nil {
		return fmt.Errorf("after the rotation: %w", err)
	}
	if err := s.target.Rotate(old); err != nil {
		return err
	}
	return with(old)
}
