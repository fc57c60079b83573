//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lab is the folder with keys and configurations, and the running upstream.
type lab struct {
	o        *options
	dir      string
	self     string
	upstream string
	proc     *exec.Cmd
}

// contender is a proxy that can be started.
type contender struct {
	name    string
	command func(l *lab, listen string) (*exec.Cmd, error)
}

func contenders(o *options) []contender {
	all := []contender{
		{"nginx", nginx},
		{"haproxy", haproxy},
		{"reverseproxy", bare("reverseproxy")},
		{"engine", bare("engine")},
	}
	if o.awf != "" {
		all = append(all, contender{"awf-cred", awfCred})
	}
	if o.only == "" {
		return all
	}
	var some []contender
	for _, c := range all {
		for _, name := range strings.Split(o.only, ",") {
			if c.name == name {
				some = append(some, c)
			}
		}
	}
	return some
}

func newLab(o *options) (*lab, error) {
	dir, err := os.MkdirTemp("", "bench-proxy")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &lab{o: o, dir: dir, self: self}
	if err := l.certificate(); err != nil {
		return nil, err
	}
	if l.upstream, err = freePort(); err != nil {
		return nil, err
	}
	l.proc = l.pinned(1, self, "upstream", "-listen", l.upstream, "-cert", l.path("cert.pem"), "-key", l.path("key.pem"))
	if err := l.proc.Start(); err != nil {
		return nil, err
	}
	return l, waitFor(l.upstream)
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) close() {
	_ = l.proc.Process.Kill()
	_ = l.proc.Wait()
	_ = os.RemoveAll(l.dir)
}

// certificate writes a self-signed certificate for the upstream.
func (l *lab) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"localhost"},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.path("cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(l.path("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

// pinned is a command on one core.
func (l *lab) pinned(core int, name string, args ...string) *exec.Cmd {
	if l.o.pin {
		args = append([]string{"-c", fmt.Sprint(core), name}, args...)
		name = "taskset"
	}
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func bare(name string) func(*lab, string) (*exec.Cmd, error) {
	return func(l *lab, listen string) (*exec.Cmd, error) {
		return l.pinned(0, l.self, name, "-listen", listen, "-upstream", l.upstream, "-ca", l.path("cert.pem")), nil
	}
}

// awfCred serves with a static key: the data path is the same as with a federated
// one, and no token endpoint is needed.
func awfCred(l *lab, listen string) (*exec.Cmd, error) {
	cmd := l.pinned(0, l.o.awf, "serve", "--provider", "openai", "--listen", listen, "--upstream", "https://"+l.upstream,
		"--ca-file", l.path("cert.pem"), "--admin-listen", "127.0.0.1:0")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "OPENAI_API_KEY=" + strings.TrimPrefix(credential, "Bearer ")}
	return cmd, nil
}

func nginx(l *lab, listen string) (*exec.Cmd, error) {
	conf := fmt.Sprintf(`daemon off;
master_process off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 20000;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path %[1]s/nginx-body; proxy_temp_path %[1]s/nginx-proxy;
  fastcgi_temp_path %[1]s/nginx-f; uwsgi_temp_path %[1]s/nginx-u; scgi_temp_path %[1]s/nginx-s;
  client_max_body_size 0; keepalive_requests 100000000; tcp_nodelay on;
  upstream api { server %[2]s; keepalive 1024; keepalive_requests 100000000; }
  server {
    listen %[3]s backlog=4096;
    location / {
      proxy_pass https://api;
      proxy_http_version 1.1;
      proxy_buffering off; proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_ssl_verify on; proxy_ssl_trusted_certificate %[1]s/cert.pem; proxy_ssl_name localhost;
      proxy_ssl_session_reuse on; proxy_ssl_protocols TLSv1.3;
      proxy_set_header Connection "";
      proxy_set_header Host %[2]s;
      proxy_set_header Authorization "%[4]s";
      proxy_set_header X-Api-Key ""; proxy_set_header Api-Key ""; proxy_set_header X-Goog-Api-Key "";
      proxy_set_header Proxy-Authorization "";
    }
  }
}
`, l.dir, l.upstream, listen, credential)
	if err := os.WriteFile(l.path("nginx.conf"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return l.pinned(0, "nginx", "-p", l.dir, "-c", l.path("nginx.conf")), nil
}

func haproxy(l *lab, listen string) (*exec.Cmd, error) {
	conf := fmt.Sprintf(`global
  maxconn 9000
  nbthread 1
  ssl-server-verify required
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 120s
frontend f
  bind %[3]s backlog 4096
  http-request del-header x-api-key
  http-request del-header api-key
  http-request del-header x-goog-api-key
  http-request del-header proxy-authorization
  http-request set-header Authorization "%[4]s"
  default_backend b
backend b
  server s %[2]s ssl verify required ca-file %[1]s/cert.pem verifyhost localhost alpn http/1.1 pool-max-conn -1 pool-low-conn 1024
`, l.dir, l.upstream, listen, credential)
	if err := os.WriteFile(l.path("haproxy.cfg"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return l.pinned(0, "haproxy", "-db", "-q", "-f", l.path("haproxy.cfg")), nil
}

// install gets the contenders of other hands from Debian.
func install(o *options) error {
	var missing []string
	for name, pkg := range map[string]string{"nginx": "nginx-light", "haproxy": "haproxy"} {
		if _, err := exec.LookPath(name); err != nil && (o.only == "" || strings.Contains(o.only, name)) {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if !o.install {
		return fmt.Errorf("not installed: %s", strings.Join(missing, " "))
	}
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", args[0], err)
		}
	}
	return nil
}

// running is a started contender.
type running struct {
	cmd  *exec.Cmd
	addr string
}

func (l *lab) start(c contender) (*running, error) {
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, err := c.command(l, listen)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &running{cmd: cmd, addr: listen}
	if err := waitFor(listen); err != nil {
		r.stop()
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return r, nil
}

func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	t := time.AfterFunc(2*time.Second, func() { _ = r.cmd.Process.Kill() })
	_ = r.cmd.Wait()
	t.Stop()
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func waitFor(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
