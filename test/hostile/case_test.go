package hostile

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheTableHasEveryCaseOnce(t *testing.T) {
	t.Parallel()
	sum, ids := 0, map[string]string{}
	for _, g := range Groups() {
		assert.Len(t, g.Cases, g.Count, g.Name)
		sum += len(g.Cases)
		for _, c := range g.Cases {
			assert.Empty(t, ids[c.ID], "%s is %q too", c.ID, c.Name)
			ids[c.ID] = c.Name
			assert.NotEmpty(t, c.Name, c.ID)
			assert.NotEmpty(t, c.Role, c.ID)
			assert.True(t, (c.Run == nil) != (len(c.Tries) == 0), "%s has tries or a run", c.ID)
			if c.Want.Kind == Refused || c.Want.Kind == Answered {
				assert.NotEmpty(t, c.Want.Status, c.ID)
			}
		}
	}
	assert.Equal(t, Total, sum)
}

// The rows of each section begin where the tables say.
func TestTheNumbersAreThoseOfTheTables(t *testing.T) {
	t.Parallel()
	want := map[string][2]string{
		"request line": {"H001.1", "H044.4"}, "version, Host, browser": {"H050.1", "H096"}, "credential headers": {"H100a", "H119l"},
		"credentials elsewhere": {"H400.1", "H425"}, "framing and smuggling": {"H430.1", "H490.4"}, "header syntax and size": {"H500.1", "H529.2"},
		"connection, upgrade, expect": {"H540.1", "H564.3"}, "exhaustion": {"H570.1", "H584"}, "client key": {"H590.1", "H607.2"},
	}
	for _, g := range Groups() {
		assert.Equal(t, want[g.Name], [2]string{g.Cases[0].ID, g.Cases[len(g.Cases)-1].ID}, g.Name)
	}
}
