package sandbox

import (
	"encoding/json"
	"net/http"
	"sort"
	"strings"
)

// echo tells what arrived: each header as X-Echo-NAME, all raw header lines in
// X-Echo-Headers, and the whole request as JSON in the body. It takes any method
// and asks for no credential, so that it can show what a proxy did to one.
func (s *Sandbox) echo(r *request) *reply {
	body := map[string]any{
		"method": r.method, "target": r.target, "host": r.hostname, "proto": r.proto,
		"lines": r.lines(), "headers": r.header, "body": string(r.body),
		"body_len": r.bodyLen, "body_sha256": r.digest(), "trailer": r.trailer,
	}
	p := respondJSON(http.StatusOK, body)
	names := make([]string, 0, len(r.header))
	for name := range r.header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		p.header.Set("X-Echo-"+name, strings.Join(r.header[name], ", "))
	}
	lines, _ := json.Marshal(r.lines()) // strings always marshal
	return p.with("X-Echo-Headers", string(lines))
}
