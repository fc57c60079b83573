package proxy

import (
	"bytes"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Finished is a request that is over, for logs and metrics. It and its slices are
// valid during the call only. What a client or server said is in it as it came,
// less the client key and the query: escape it.
type Finished struct {
	Profile  string
	Provider string
	Method   []byte // empty when the head could not be read
	Path     []byte // without key segment and query
	// Own is set for /health and HEAD /: no request in the sense of the metrics.
	Own     bool
	Summary relay.Summary

	id         uint64
	upstreamID []byte
}

// AppendRequestID appends the vendor's id of the request where its answer had one,
// so that the vendor's records can be matched, and ours otherwise.
func (f *Finished) AppendRequestID(dst []byte) []byte {
	if len(f.upstreamID) > 0 {
		return append(dst, f.upstreamID...)
	}
	return appendID(dst, f.id)
}

// Observer is told of every finished request, from many goroutines.
type Observer interface {
	Done(*Finished)
}

// Observers tell several.
type Observers []Observer

// Done tells each.
func (list Observers) Done(f *Finished) {
	for _, o := range list {
		o.Done(f)
	}
}

type nobody struct{}

func (nobody) Done(*Finished) {}

// record is what a policy keeps of one request. It is pooled.
type record struct {
	Finished
	policy     *Policy
	credential exchange.Credential
	target     []byte // memory of a rewritten target
	permitted  bool   // the client has shown the key where one is demanded
}

// keep copies method and path: a head's memory is gone when the request is done.
func (r *record) keep(h *relay.Head) {
	path, _, _ := bytes.Cut(h.Target, []byte("?"))
	r.Method = append(r.Method[:0], h.Method...)
	r.Path = append(r.Path[:0], path...)
}

// hidden is what stands for a path segment that may be somebody's key.
const hidden = "(hidden)"

// hideKey replaces the first segment of the path where it is as long as a key: a
// client that was refused without the right key may have shown one that is nearly
// right.
func (r *record) hideKey() {
	if len(r.Path) == 0 {
		return
	}
	segment, rest := firstSegment(r.Path)
	if len(segment) >= MinKey {
		r.Path = append([]byte("/"+hidden), rest...)
	}
}

// requestIDs are the headers in which vendors name a request: Anthropic; OpenAI and
// Azure OpenAI; AWS; Azure API Management.
var requestIDs = []string{"request-id", "x-request-id", "x-amzn-requestid", "apim-request-id"}

// longestID bounds an id that is believed to be one.
const longestID = 128

// learn notes the vendor's id of the request.
func (r *record) learn(reply *relay.ReplyHead) {
	if reply.Status < 200 {
		return
	}
	for i := range reply.Fields {
		f := &reply.Fields[i]
		for _, name := range requestIDs {
			if len(f.Name) == len(name) && same(f.Name, name) && isID(f.Value) {
				r.upstreamID = append(r.upstreamID[:0], f.Value...)
				return
			}
		}
	}
}

func isID(b []byte) bool {
	for _, c := range b {
		if !isKeyByte(c) && c != '=' && c != '/' && c != '+' && c != ':' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= longestID
}

// reset empties the record and keeps its memory, unless it has grown large.
func (r *record) reset() {
	const keep = 4 << 10
	if cap(r.target) > keep || cap(r.Path) > keep {
		*r = record{policy: r.policy}
		return
	}
	*r = record{policy: r.policy, target: r.target[:0],
		Finished: Finished{Method: r.Method[:0], Path: r.Path[:0], upstreamID: r.upstreamID[:0]}}
}
