package exchange

import "github.com/awf-cred/awf-cred/internal/strictjson"

// oauthError reads the body of a failure in any of the shapes that the vendors
// use: RFC 6749 section 5.2 (`error`, `error_description`); an `error` object with
// `type` or `status` or `code`, and `message` (Anthropic, Google, OpenAI). Other
// members are not kept: they are free to hold what was sent.
func (r *reply) oauthError() (complaint, strictjson.Map) {
	m, err := strictjson.Object(r.body)
	if err != nil {
		return complaint{}, nil
	}
	return oauthComplaint(m), m
}

func oauthComplaint(m strictjson.Map) complaint {
	if code, ok := m.String("error"); ok {
		text, _ := m.String("error_description")
		return complaint{code, text}
	}
	nested := m.Object("error")
	c := complaint{}
	for _, name := range []string{"type", "status", "code"} {
		if v, ok := nested.String(name); ok && c.code == "" {
			c.code = v
		}
	}
	c.text, _ = nested.String("message")
	return c
}
