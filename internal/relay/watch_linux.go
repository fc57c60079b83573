package relay

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// eventWatcher is one epoll set of our own for all connections of a server: armed
// once at accept, edge-triggered, it costs a request nothing. The set itself waits
// in Go's poller. An event carries the slot and its generation, so that one that
// comes late cannot hit the slot's next connection.
type eventWatcher struct {
	set   *os.File
	ended chan struct{}

	mu    sync.Mutex
	slots []watchSlot
	free  []uint32
}

type watchSlot struct {
	c          *clientConn
	generation uint32
}

func newEventWatcher() (watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	w := &eventWatcher{set: os.NewFile(uintptr(fd), "epoll"), ended: make(chan struct{})}
	raw, err := w.set.SyscallConn()
	if err != nil {
		_ = w.set.Close()
		return nil, err
	}
	go func() {
		defer close(w.ended)
		w.run(raw)
	}()
	return w, nil
}

func (w *eventWatcher) run(raw syscall.RawConn) {
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil || n < 0 {
			return
		}
		for _, e := range events[:n] {
			if c := w.find(uint32(e.Fd), uint32(e.Pad)); c != nil {
				c.leave()
			}
		}
	}
}

func (w *eventWatcher) find(index, generation uint32) *clientConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int(index) < len(w.slots) && w.slots[index].generation == generation {
		return w.slots[index].c
	}
	return nil
}

func (w *eventWatcher) add(c *clientConn) error {
	if c.sock.raw == nil {
		return os.ErrInvalid
	}
	w.mu.Lock()
	if len(w.free) == 0 {
		w.free = append(w.free, uint32(len(w.slots)))
		w.slots = append(w.slots, watchSlot{})
	}
	index := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	s := &w.slots[index]
	s.generation++
	s.c = c
	c.mark.index, c.mark.generation = index, s.generation
	event := unix.EpollEvent{
		Events: unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(index),
		Pad:    int32(s.generation),
	}
	w.mu.Unlock()
	set, err := w.set.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.sock.raw.Control(func(fd uintptr) {
		failed = set.Control(func(epfd uintptr) {
			failed = unix.EpollCtl(int(epfd), unix.EPOLL_CTL_ADD, int(fd), &event)
		})
	})
	if err == nil {
		err = failed
	}
	return err
}

// remove frees the slot. The kernel takes a closed socket out of the set itself.
func (w *eventWatcher) remove(c *clientConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := c.mark.index; int(i) < len(w.slots) && w.slots[i].c == c {
		w.slots[i].c = nil
		w.free = append(w.free, i)
	}
}

func (*eventWatcher) begin(*clientConn) {}
func (*eventWatcher) end(*clientConn)   {}

func (w *eventWatcher) close() {
	_ = w.set.Close()
	<-w.ended
}
