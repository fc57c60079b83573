package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

const canary = "canary-Zq8vT2xW5nB7mK4jH9"

type holder struct {
	Open   secret.Value
	hidden secret.Value
	Ptr    *secret.Value
	List   []secret.Value
	Map    map[string]secret.Value
	Any    any
}

func newHolder() holder {
	v := secret.New(canary)
	return holder{Open: v, hidden: v, Ptr: &v, List: []secret.Value{v}, Map: map[string]secret.Value{"k": v}, Any: v}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	t.Parallel()
	h := newHolder()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%w", "%t", "%c", "%U", "%e"} {
		for name, value := range map[string]any{"value": h.Open, "pointer": h.Ptr, "struct": h, "pointer to struct": &h, "slice": h.List, "map": h.Map} {
			text := fmt.Sprintf(verb, value)
			assert.NotContains(t, text, canary, "%s of a %s", verb, name)
			assert.NotContains(t, text, fmt.Sprintf("%x", canary), "%s of a %s", verb, name)
		}
	}
}

func TestNoEncoderWritesASecret(t *testing.T) {
	t.Parallel()
	h := newHolder()
	for name, write := range map[string]func() string{
		"json": func() string { b, err := json.Marshal(h); require.NoError(t, err); return string(b) },
		"xml":  func() string { b, _ := xml.Marshal(h.Open); return string(b) },
		"text handler": func() string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "a", h.Open, "h", h)
			return b.String()
		},
		"json handler": func() string {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "a", h.Open, "h", h, slog.Any("p", h.Ptr))
			return b.String()
		},
		"error":               func() string { return fmt.Errorf("failed with %v: %w", h.Open, errors.New("x")).Error() },
		"a test's difference": func() string { var r recorder; assert.Equal(&r, h, holder{}); return r.text },
	} {
		assert.NotContains(t, write(), canary, name)
	}
}

// recorder keeps what an assertion would print.
type recorder struct{ text string }

func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

func TestPanicShowsNoSecret(t *testing.T) {
	t.Parallel()
	defer func() { assert.NotContains(t, fmt.Sprint(recover()), canary) }()
	panic(newHolder())
}

func TestRevealIsTheWayOut(t *testing.T) {
	t.Parallel()
	assert.Equal(t, canary, secret.New(canary).Reveal())
	assert.Empty(t, secret.Value{}.Reveal())
	assert.True(t, secret.New("").IsZero())
	assert.False(t, secret.New("x").IsZero())
}

func TestEqual(t *testing.T) {
	t.Parallel()
	assert.True(t, secret.New(canary).Equal(secret.New(strings.Clone(canary))))
	assert.False(t, secret.New(canary).Equal(secret.New(canary+"x")))
	assert.False(t, secret.New(canary).Equal(secret.Value{}))
	assert.True(t, secret.Value{}.Equal(secret.New("")))
}
