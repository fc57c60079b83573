package output_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func nothingSet(string) bool { return false }

func steadyRandom() *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{0xab, 0x01}, 512)) }

func TestDialects(t *testing.T) {
	t.Parallel()
	for _, d := range output.Dialects {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			vars := []output.Var{
				output.SetSecret("ANTHROPIC_AUTH_TOKEN", secret.New("sk-ant-oat01-sandbox")),
				output.Set("PLAIN", "with 'quotes' \\ $x and ‘é’"),
				output.Conflict("ANTHROPIC_API_KEY"),
				output.Tidy("ANTHROPIC_PROFILE"),
			}
			got, err := d.Render(vars, nothingSet, steadyRandom())
			require.NoError(t, err)
			golden(t, got)
		})
		t.Run(d.Name+" of line breaks", func(t *testing.T) {
			t.Parallel()
			got, err := d.Render([]output.Var{output.Set("LINES", "a\nb\r\nc\n")}, nothingSet, steadyRandom())
			if d.Name == "cmd" {
				require.ErrorIs(t, err, exchange.Usage)
				return
			}
			require.NoError(t, err)
			golden(t, got)
		})
	}
}

func TestWhatADialectCannotWriteIsRefusedWithoutTheValue(t *testing.T) {
	t.Parallel()
	const every = "posix fish powershell cmd dotenv json github"
	for _, row := range []struct{ name, value, refusing string }{
		{"NUL", "canary\x00x", every},
		{"invalid UTF-8", "canary\xff", "powershell cmd dotenv json github"},
		{"a line feed", "canary\nx", "cmd"},
		{"a carriage return", "canary\rx", "cmd"},
		{"a double quote", `canary"x`, "cmd"},
		{"a percent sign", `canary%PATH%`, "cmd"},
		{"an exclamation mark", `canary!x!`, "cmd"},
		{"a backtick", "canary`id`", "dotenv"},
		{"command substitution", "canary$(id)", ""},
		{"an empty value", "", ""},
	} {
		for _, d := range output.Dialects {
			t.Run(row.name+" in "+d.Name, func(t *testing.T) {
				t.Parallel()
				vars := []output.Var{output.Set("GOOD", "1"), output.SetSecret("NAME", secret.New(row.value))}
				got, err := d.Render(vars, nothingSet, steadyRandom())
				if !strings.Contains(" "+row.refusing+" ", " "+d.Name+" ") {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, exchange.Usage)
				assert.Empty(t, got, "a half output is worse than none")
				assert.Contains(t, err.Error(), "NAME")
				assert.NotContains(t, err.Error(), "canary")
			})
		}
	}
}

func TestNamesThatAShellDoesNotTakeAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "1A", "A-B", "A=B", "A\nB", "A B", "$(id)", "É"} {
		for _, d := range output.Dialects {
			_, err := d.Render([]output.Var{output.Set(name, "v")}, nothingSet, steadyRandom())
			assert.ErrorIs(t, err, exchange.Usage, "%q in %s", name, d.Name)
			_, err = d.Render([]output.Var{{Name: name, Unset: true, IfSet: true}}, func(string) bool { return false }, steadyRandom())
			if d.CanUnset {
				assert.ErrorIs(t, err, exchange.Usage, "removal of %q in %s", name, d.Name)
			}
		}
	}
}

func TestADialectThatCannotUnset(t *testing.T) {
	t.Parallel()
	isSet := func(name string) bool { return name == "TAKEN" }
	for _, row := range []struct {
		name    string
		v       output.Var
		refused bool
	}{
		{"refuses a conflict that is set", output.Conflict("TAKEN"), true},
		{"goes on when the conflict is not set", output.Conflict("FREE"), false},
		{"leaves out what is only tidy", output.Tidy("TAKEN"), false},
		{"refuses a removal that was asked for", output.Var{Name: "FREE", Unset: true}, true},
	} {
		for _, name := range []string{"dotenv", "github"} {
			t.Run(name+" "+row.name, func(t *testing.T) {
				t.Parallel()
				d, ok := output.LookupDialect(name)
				require.True(t, ok)
				vars := []output.Var{output.Set("A", "1"), row.v}
				got, err := d.Render(vars, isSet, steadyRandom())
				assert.Equal(t, err, d.Check(vars, isSet), "the early check says the same")
				if row.refused {
					require.ErrorIs(t, err, exchange.Usage)
					assert.ErrorContains(t, err, row.v.Name)
					assert.Empty(t, got)
					return
				}
				require.NoError(t, err)
				assert.NotContains(t, string(got), row.v.Name)
			})
		}
	}
}

func TestGitHubRefusesAValueThatHoldsTheDelimiter(t *testing.T) {
	t.Parallel()
	d, _ := output.LookupDialect("github")
	got, err := d.Render([]output.Var{output.Set("A", "x")}, nothingSet, steadyRandom())
	require.NoError(t, err)
	lines := strings.Split(string(got), "\n")
	delimiter := lines[len(lines)-2]
	assert.GreaterOrEqual(t, len(delimiter)-len("awf_cred_"), 32, "at least 128 bits in hex")

	_, err = d.Render([]output.Var{output.Set("A", "x\n"+delimiter+"\nPATH=/evil")}, nothingSet, steadyRandom())
	assert.ErrorIs(t, err, exchange.Usage)
	_, err = d.Render([]output.Var{output.Set("node_options", "--require x")}, nothingSet, steadyRandom())
	assert.ErrorIs(t, err, exchange.Usage)
	_, err = d.Render([]output.Var{output.Set("A", "x")}, nothingSet, bytes.NewReader(nil))
	assert.Error(t, err, "no randomness, no output")
}

func TestGitHubDelimitersDiffer(t *testing.T) {
	t.Parallel()
	d, _ := output.LookupDialect("github")
	random := bytes.NewReader([]byte(strings.Repeat("a", 20) + strings.Repeat("b", 20)))
	got, err := d.Render([]output.Var{output.Set("A", "x"), output.Set("B", "y")}, nothingSet, random)
	require.NoError(t, err)
	lines := strings.Split(string(got), "\n")
	assert.NotEqual(t, lines[2], lines[5])
}

func TestJSONDialectIsOneFlatObject(t *testing.T) {
	t.Parallel()
	d, _ := output.LookupDialect("json")
	got, err := d.Render([]output.Var{output.Set("A", "1\"\u2028<"), output.Conflict("B")}, nothingSet, nil)
	require.NoError(t, err)
	var m map[string]*string
	require.NoError(t, json.Unmarshal(got, &m))
	require.Len(t, m, 2)
	assert.Equal(t, "1\"\u2028<", *m["A"])
	assert.Nil(t, m["B"])
	assert.Equal(t, 1, strings.Count(string(got), "\n"))
}

func TestRemovalsNameEachVariableOnce(t *testing.T) {
	t.Parallel()
	got := output.Removals([]output.Var{output.Set("A", "1"), output.Conflict("B"), output.Tidy("A")})
	assert.Equal(t, []output.Var{{Name: "A", Unset: true}, {Name: "B", Unset: true}}, got)
}

func TestDefaultDialect(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "powershell", output.DefaultDialect("windows"))
	assert.Equal(t, "posix", output.DefaultDialect("linux"))
	assert.Equal(t, "posix", output.DefaultDialect("darwin"))
	assert.Contains(t, output.DialectNames(), output.DefaultDialect("linux"))
}

func TestSecretsAreThoseThatAreMasked(t *testing.T) {
	t.Parallel()
	got := output.Secrets([]output.Var{output.Set("A", "plain"), output.SetSecret("B", secret.New("hidden"))})
	require.Len(t, got, 1)
	assert.Equal(t, "hidden", got[0].Reveal())
}
