package relay

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
)

var errBadBody = errors.New("malformed body")

// body is a request's body on its way: what has come, what of it is still held for
// a second attempt, and what is to come. What it yields is what goes upstream:
// the client's bytes, with the trailer section filtered.
type body struct {
	pool    *buffers
	budget  *Budget
	limit   int64         // of what is held
	trailer func([]Field) // the policy's
	done    atomic.Bool   // read to its end
	total   atomic.Int64  // bytes read from the client, framing included
	framing Framing
	left    int64 // for Length
	chunks  chunks
	section []byte // an incomplete trailer section

	first []byte // came with the head, and lies beside it
	tail  []byte // the filtered trailer section
	over  []byte // read beyond the end: the next request

	// cur is being filled; it belongs to the goroutine that reads. What is kept
	// before it is in old.
	cur  segment
	fast bool // the last read filled what there was room for

	mu   sync.Mutex
	keep bool
	old  []segment
	held int64 // taken from budget
}

// segment is a pooled buffer with n bytes of the body.
type segment struct {
	b []byte
	n int
}

// begin starts a new body with what came behind its head. It returns how much of
// that is the body's.
func (b *body) begin(framing Framing, length int64, p []byte) (used int, ok bool) {
	b.framing, b.left, b.chunks = framing, length, chunks{}
	b.first, b.tail, b.over, b.section, b.fast = nil, nil, nil, nil, false
	b.keep = true
	b.done.Store(framing == NoBody)
	b.total.Store(0)
	if framing == Length && length > b.limit+headSize {
		b.keep = false
	}
	out, used, ok := b.feed(p)
	b.first = p[:out]
	b.total.Store(int64(used))
	return used, ok
}

// feed follows the framing of p: the first out bytes go upstream as they are, used
// are the body's. After the last of them done is set and tail complete.
func (b *body) feed(p []byte) (out, used int, ok bool) {
	switch b.framing {
	case NoBody:
		return 0, 0, true
	case Length:
		out = int(min(int64(len(p)), b.left))
		b.left -= int64(out)
		if b.left == 0 {
			b.done.Store(true)
		}
		return out, out, true
	}
	for out < len(p) && b.chunks.state != chunkTrailer {
		n, _, ok := b.chunks.step(p[out:])
		out += n
		if !ok {
			return 0, 0, false
		}
	}
	if b.chunks.state != chunkTrailer || out == len(p) {
		return out, out, true
	}
	if len(b.section) == 0 && bytes.HasPrefix(p[out:], []byte("\r\n")) {
		b.done.Store(true)
		return out + 2, out + 2, true
	}
	section, n, ok := endTrailer(b.section, p[out:], b.trailer)
	b.section = section
	if n > 0 {
		b.tail = section
		b.done.Store(true)
	}
	if n == 0 {
		n = len(p) - out
	}
	return out, out + n, ok
}

// endTrailer adds p to a trailer section. When that is complete, n is how much of p
// belongs to it, and section is what remains of it after filtering, with its empty
// line.
func endTrailer(section, p []byte, filter func([]Field)) (out []byte, n int, ok bool) {
	before := len(section)
	section = append(section, p...)
	if bytes.IndexByte(p, '\n') < 0 {
		return section, 0, len(section) < longestTrailer
	}
	fields, size, ok := parseTrailer(section, make([]Field, 0, 8))
	if size == 0 {
		return section, 0, ok
	}
	filter(fields)
	out = appendFields(make([]byte, 0, size), fields)
	return append(out, "\r\n"...), size - before, true
}

// gather takes what of a small body has already arrived, so that it goes upstream
// in one write with the head.
func (b *body) gather(s *sock) error {
	if !s.canTry() || b.framing == Length && b.left > 2*largeSize {
		return nil
	}
	for !b.done.Load() && len(b.old) < 2 {
		if !b.current() && !b.add(b.pool.large.get(), true) {
			return nil
		}
		n, again, err := s.tryRead(b.space())
		if n == 0 {
			b.dropEmpty()
			if again {
				return nil
			}
			return err
		}
		if _, _, err := b.took(n); err != nil {
			return err
		}
	}
	return nil
}

// more waits for bytes and returns those that go upstream. All that it returned
// before has been sent. While nothing comes no buffer is held but what is kept.
func (b *body) more(s *sock) (out, tail []byte, err error) {
	if s.canTry() {
		if !b.current() {
			b.add(b.roomy(), false)
		}
		p := b.space()
		n, again, err := s.tryRead(p)
		b.fast = n == len(p)
		if n > 0 {
			return b.took(n)
		}
		b.dropEmpty()
		if !again {
			return nil, nil, err
		}
	}
	var n int
	if b.current() {
		n, err = s.Read(b.space())
	} else {
		var p []byte
		p, n, err = s.readIdle(nil)
		if n > 0 {
			b.add(p, false)
		}
	}
	if n == 0 {
		return nil, nil, err
	}
	return b.took(n)
}

// took accounts for n bytes that were read into the current segment.
func (b *body) took(n int) (out, tail []byte, err error) {
	p := b.cur.b[b.cur.n : b.cur.n+n]
	size, used, ok := b.feed(p)
	b.total.Add(int64(used))
	if used < n {
		b.over = append([]byte(nil), p[used:]...)
	}
	if !ok {
		return nil, nil, errBadBody
	}
	b.cur.n += size
	return p[:size], b.tail, nil
}

// roomy is a buffer for bytes that may be at hand.
func (b *body) roomy() []byte {
	if b.fast && !b.kept() {
		return b.pool.wide.get()
	}
	return b.pool.large.get()
}

// space is where the next bytes go.
func (b *body) space() []byte {
	p := b.cur.b[b.cur.n:]
	if b.framing == Length && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	return p
}

// current reports whether the current segment has room. What is not kept is
// overwritten, but not in the small buffer of an idle moment, nor in a large one
// that was filled: what comes fast is read in large pieces, and each of them costs
// the same few wake-ups.
func (b *body) current() bool {
	if !b.kept() {
		b.cur.n = 0
		if size := cap(b.cur.b); size == headSize || size == largeSize && b.fast {
			b.giveBack(b.cur.b)
			b.cur = segment{}
		}
	}
	return len(b.cur.b)-b.cur.n >= smallSize
}

// add makes p the current segment. When what is kept grows beyond its bounds, it is
// no longer kept; with must, p is refused instead, because what came before is not
// yet sent.
func (b *body) add(p []byte, must bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := int64(len(p))
	if b.keep && b.limit > 0 && b.held+size <= b.limit+largeSize && b.budget.take(size) {
		b.held += size
		if b.cur.n > 0 {
			b.old = append(b.old, b.cur)
		}
		b.cur = segment{b: p}
		return true
	}
	if must {
		b.giveBack(p)
		return false
	}
	b.forget()
	b.giveBack(b.cur.b)
	b.cur = segment{b: p}
	return true
}

// dropEmpty gives the current segment back if nothing is in it.
func (b *body) dropEmpty() {
	if b.cur.b == nil || b.cur.n > 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keep {
		size := int64(len(b.cur.b))
		b.held -= size
		b.budget.give(size)
	}
	b.giveBack(b.cur.b)
	b.cur = segment{}
}

// kept reports whether all that was read is still held.
func (b *body) kept() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keep
}

// release ends the keeping. While an upload runs the current segment is its.
func (b *body) release(uploading bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	if !uploading {
		b.giveBack(b.cur.b)
		b.cur = segment{}
	}
}

// forget gives back what is kept, under mu.
func (b *body) forget() {
	b.keep = false
	if b.held > 0 {
		b.budget.give(b.held)
		b.held = 0
	}
	for _, s := range b.old {
		b.giveBack(s.b)
	}
	b.old = nil
}

func (b *body) giveBack(p []byte) {
	switch cap(p) {
	case 0:
	case headSize:
		b.pool.putHead(p)
	case wideSize:
		b.pool.wide.put(p)
	default:
		b.pool.large.put(p)
	}
}
