package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func TestTheShortFormOfFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]sandbox.Fault{
		"e:503":                {sandbox.Status(503).N(1)},
		"e:503x2,429x*":        {sandbox.Status(503).N(2), sandbox.Status(429).Always()},
		"e:delay=2s":           {sandbox.Delay(2 * time.Second).N(1)},
		"e:hang":               {sandbox.Hang("").N(1)},
		"e:reset@body":         {sandbox.Reset(sandbox.StageBody).N(1)},
		"e:truncate=10x3":      {sandbox.Truncate(10).N(3)},
		"e:drip=1/100ms":       {sandbox.Drip(1, 100*time.Millisecond).N(1)},
		"e:redirect=http://xy": {sandbox.Redirect(307, "http://xy").N(1)},
		"e:gate=g":             {sandbox.Fault{GateName: "g", Times: 1}},
		"e:date=-31s":          {sandbox.Fault{DateOffset: sandbox.Duration(-31 * time.Second), Times: 1}},
		`e:{"status":200,"body":"x:y,z","delay":"1s"}`: {{Status: 200, Body: "x:y,z", Delay: sandbox.Duration(time.Second)}},
	} {
		e, faults, err := sandbox.ParseFault(text)
		require.NoError(t, err, text)
		assert.Equal(t, sandbox.Endpoint("e"), e, text)
		assert.Equal(t, want, faults, text)
	}
	for _, text := range []string{"", "e", "e:", ":503", "e:99", "e:hang@begin", "e:delay=soon", "e:explode", "e:truncate=", "e:drip=1",
		`e:{"statos":1}`, `e:{`, "e:503,"} {
		_, _, err := sandbox.ParseFault(text)
		assert.Error(t, err, text)
	}
}

// A text is either refused with a word about it or read into steps that each apply.
func FuzzParseFault(f *testing.F) {
	for _, seed := range []string{"anthropic.token:503x2,reset@body", "e:drip=1/1ms", `e:{"status":200}`, "e:delay=1hx*", "e:x", "e:truncate=-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, faults, err := sandbox.ParseFault(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, string(e)+":") || len(faults) == 0 {
			t.Fatalf("%q gave %q, %v", text, e, faults)
		}
	})
}
