package cache

import (
	"context"
	"sync"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Memory keeps credentials for as long as the process lives.
type Memory struct {
	clock stamper
	label Label

	mu      sync.Mutex
	records map[string]record
}

// NewMemory returns an empty store.
func NewMemory(clock tokensource.Clock, label Label) *Memory {
	return &Memory{
		clock:   stamper{clock: clock, bootID: func() string { return "" }},
		label:   label,
		records: map[string]record{},
	}
}

// Get returns the entry of key while it lives.
func (m *Memory) Get(_ context.Context, key string) (exchange.Credential, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[key]
	if !ok {
		return exchange.Credential{}, false, nil
	}
	c, ok := r.alive(m.clock)
	return c, ok, nil
}

// Lookup describes the entry of key.
func (m *Memory) Lookup(_ context.Context, key string) (Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[key]
	if !ok {
		return Entry{}, false, nil
	}
	e, ok := r.entry("memory", m.clock)
	return e, ok, nil
}

// Put replaces the entry of key.
func (m *Memory) Put(_ context.Context, key string, c exchange.Credential) error {
	if err := storable(c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[key] = newRecord(key, m.label, c, m.clock.now())
	return nil
}

// Delete removes the entry of key.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, key)
	return nil
}
