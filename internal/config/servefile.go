package config

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SinkKinds are the words that name a kind of sink.
func SinkKinds() []string {
	return []string{"token", "json", "dotenv", "anthropic-credentials", "identity-token", "aws-credentials", "gcp-credentials"}
}

// serve reads the serve section.
func (r *reader) serve(n *yaml.Node) {
	keys := []string{"listeners", "admin_listen", "sinks"}
	r.mapping(n, "serve", keys, func(key string, _, value *yaml.Node) {
		switch key {
		case "listeners":
			r.each(value, "serve.listeners", r.listener)
		case "admin_listen":
			if v, ok := r.checked(value, "serve.admin_listen", "HOST:PORT", checkHostPort); ok {
				r.doc.serve.AdminListen = Setting{Name: "admin_listen", Value: v, Origin: r.origin(value)}
			}
		case "sinks":
			r.each(value, "serve.sinks", r.sink)
		}
	})
}

func (r *reader) listener(n *yaml.Node) {
	const what = "a listener of serve"
	l := Listener{Origin: r.origin(n)}
	r.mapping(n, what, []string{"profile", "listen", "upstream", "base_path", "allow"}, func(key string, _, value *yaml.Node) {
		switch key {
		case "profile":
			l.Profile, _ = r.checked(value, "profile", "a profile of this file", checkProfileName)
		case "listen":
			l.Listen, _ = r.checked(value, "listen", "HOST:PORT or unix:PATH", checkListen)
		case "upstream":
			l.Upstream, _ = r.checked(value, "upstream", "a whole URL such as https://api.example.com", CheckEndpoint)
		case "base_path":
			l.BasePath, _ = r.checked(value, "base_path", "a path such as /v1", checkBasePath)
		case "allow":
			l.Allow = r.list(value, "allow")
			for _, rule := range l.Allow {
				r.rule(value, rule)
			}
		}
	})
	r.need(n, what, map[string]string{"profile": l.Profile, "listen": l.Listen})
	r.doc.serve.Listeners = append(r.doc.serve.Listeners, l)
}

func (r *reader) sink(n *yaml.Node) {
	const what = "a sink of serve"
	s := Sink{Origin: r.origin(n)}
	r.mapping(n, what, []string{"profile", "kind", "path"}, func(key string, _, value *yaml.Node) {
		v, ok := r.scalar(value, key)
		if !ok {
			return
		}
		switch key {
		case "profile":
			s.Profile = v.value
		case "kind":
			if s.Kind = v.value; !slices.Contains(SinkKinds(), s.Kind) {
				r.unknown(value, "kind of sink "+quoted(s.Kind), s.Kind, SinkKinds())
			}
		case "path":
			s.Path = v.value
		}
	})
	r.need(n, what, map[string]string{"profile": s.Profile, "kind": s.Kind, "path": s.Path})
	r.doc.serve.Sinks = append(r.doc.serve.Sinks, s)
}

// need records what a mapping of the serve section lacks.
func (r *reader) need(n *yaml.Node, what string, values map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] == "" {
			r.wrong(n, "add "+key, "%s has no %s", what, key)
		}
	}
}

// rule checks the form of one --allow rule; its meaning is the proxy's.
func (r *reader) rule(n *yaml.Node, rule string) {
	method, path, _ := strings.Cut(rule, " ")
	if rule != "inference" && (method == "" || strings.ToUpper(method) != method || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#")) {
		r.wrong(n, "write METHOD /path, with * for one segment and ** for the rest, or the word inference",
			"allow holds %s, which is no rule", quoted(rule))
	}
}

// each visits the items of a sequence.
func (r *reader) each(n *yaml.Node, what string, visit func(*yaml.Node)) {
	v := resolved(n)
	if isNull(v) {
		return
	}
	if v.Kind != yaml.SequenceNode {
		r.wrong(n, "", "%s must be a list", what)
		return
	}
	for _, item := range v.Content {
		visit(item)
	}
}

// checked is a scalar of the serve section that passes a check.
func (r *reader) checked(n *yaml.Node, what, form string, check func(string) error) (string, bool) {
	v, ok := r.scalar(n, what)
	if !ok {
		return "", false
	}
	err := checkText(Field{}, v.value)
	if err == nil {
		err = check(v.value)
	}
	if err != nil {
		r.wrong(n, "write "+form, "%s: %s %s; expected %s", what, quoted(v.value), err, form)
		return v.value, false
	}
	return v.value, true
}

func (r *reader) origin(n *yaml.Node) Origin {
	return Origin{Kind: FromFile, File: r.doc.path, Line: n.Line}
}
