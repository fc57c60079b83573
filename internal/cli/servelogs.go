package cli

import (
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// openLogs opens the audit log and the access log.
func (o *proxyFlags) openLogs(a *app, hub *serve.Hub) error {
	for _, l := range []struct {
		flag, path string
		use        func(*serve.LogFile)
	}{{"--audit-log", o.auditLog, hub.Audit}, {"--access-log", o.accessLog, hub.Access}} {
		if l.path == "" {
			continue
		}
		file, err := serve.OpenLog(l.path, a.sys.Out, a.log)
		if err != nil {
			return &exchange.Error{Step: "flag " + l.flag, Cause: exchange.Storage, Err: err}
		}
		l.use(file)
	}
	return nil
}
