package output_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func TestMasks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, value, want string }{
		{"a token is one line", "sk-ant-oat01-x", "::add-mask::sk-ant-oat01-x\n"},
		{"nothing is no line", "", ""},
		{"blanks are no line", " \t", ""},
		{"a percent sign is escaped first", "a%0Ab", "::add-mask::a%250Ab\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, string(output.Masks(secret.New(row.value))))
		})
	}
}

func TestMasksOfSeveralLinesHideEachLine(t *testing.T) {
	t.Parallel()
	got := string(output.Masks(secret.New("first\r\n second \n\nthird")))
	for _, want := range []string{"::add-mask::first%0D%0A second %0A%0Athird\n", "::add-mask::first\n", "::add-mask::second\n", "::add-mask::third\n"} {
		assert.Contains(t, got, want)
	}
	assertOnlyMasks(t, got)
}

// Every form in which a format or dialect writes a value is among the masks.
func TestMasksHideEveryFormThatWePrint(t *testing.T) {
	t.Parallel()
	value := `it's "q" \ $x é‘` + "\u2028"
	masks := unmask(string(output.Masks(secret.New(value), secret.New(value))))
	assert.Len(t, masks, len(unique(masks)), "no mask twice")
	for _, d := range output.Dialects {
		got, err := d.Render([]output.Var{output.Set("A", value)}, nothingSet, steadyRandom())
		if err != nil {
			continue
		}
		text := string(got)
		for _, m := range masks {
			text = strings.ReplaceAll(text, m, "***")
		}
		assert.Contains(t, text, "***", d.Name)
		assert.NotContains(t, text, "it", d.Name)
	}
}

func unmask(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "::add-mask::"), "\n")
		out = append(out, strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(line))
	}
	return out
}

func unique(in []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range in {
		out[s] = true
	}
	return out
}

func assertOnlyMasks(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		assert.True(t, strings.HasPrefix(line, "::add-mask::") && len(line) > len("::add-mask::\n"), "%q", line)
	}
}

func FuzzMasks(f *testing.F) {
	for _, s := range []string{"sk-ant-oat01-x", "a\nb", "%", "\r\n", "::set-env name=A::b", "é\u2028", "'\"\\$`", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(output.Masks(secret.New(s)))
		assertOnlyMasks(t, got)
		if strings.TrimSpace(s) != "" {
			assert.Equal(t, s, unmask(got)[0], "the first mask is the whole value")
		}
	})
}
