package cli

import (
	"io"
	"log/slog"

	"github.com/awf-cred/awf-cred/internal/output"
)

// newLog is the log on standard error: text for people, JSON for programs, one
// line for each record whatever an attribute holds.
func newLog(w io.Writer, format, level string) *slog.Logger {
	options := &slog.HandlerOptions{Level: levelOf(level)}
	if format == "json" {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // 9m58s, as in text, not a number of nanoseconds
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		}
		return slog.New(slog.NewJSONHandler(steady{w}, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "error":
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}

// steady escapes what could steer a terminal in JSON; the text handler quotes it.
type steady struct{ w io.Writer }

func (s steady) Write(b []byte) (int, error) {
	_, err := s.w.Write(output.Escape(b))
	return len(b), err
}
