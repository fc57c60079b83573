package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// BenchmarkMessages tells how much of a proxy's measured time may be the
// sandbox's own: requests on kept connections, records off.
func BenchmarkMessages(b *testing.B) {
	sb := sandbox.Start(b, sandbox.With(func(c *sandbox.Config) { c.Records = -1 }))
	token := sb.GrantToken("anthropic", time.Hour)
	url := sb.URL(sandbox.HostAnthropic) + "/v1/messages"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest("POST", url, strings.NewReader(message))
			req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Anthropic-Version": {"2023-06-01"}}
			res, err := client.Do(req)
			if err != nil || res.StatusCode != 200 {
				b.Error(err, res)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}
