package safehttp

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/awf-cred/awf-cred/internal/scrub"
)

// maxCAFile bounds a CA file, in bytes; Mozilla's whole list has a quarter of it.
const maxCAFile = 1 << 20

// readCAFile reads the certificates of a PEM file.
func readCAFile(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	data, err := readRegular(path)
	if err != nil {
		return nil, fmt.Errorf("the CA file %s %w", scrub.Text(path), err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the CA file %s has a certificate (number %d) that cannot be read: %s",
				scrub.Text(path), len(certs)+1, scrub.Text(err.Error()))
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("the CA file %s has no certificate in PEM form", scrub.Text(path))
	}
	return certs, nil
}

// readRegular reads a bounded regular file: opening a pipe would wait for ever.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", unpath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is not a regular file")
	}
	if info.Size() > maxCAFile {
		return nil, fmt.Errorf("has %d bytes, more than %d", info.Size(), maxCAFile)
	}
	f, err := os.Open(path) // #nosec G304 -- the user named it
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", unpath(err))
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxCAFile))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", unpath(err))
	}
	return data, nil
}

// unpath drops the path from an error that names it again.
func unpath(err error) error {
	if p, ok := err.(*os.PathError); ok { //nolint:errorlint // os.Stat and os.Open return it bare
		return p.Err
	}
	return err
}

// pool is the system's roots and extra. nil is the system's own way, the
// platform's verifier where there is one.
func pool(extra []*x509.Certificate) (*x509.CertPool, error) {
	if len(extra) == 0 {
		return nil, nil
	}
	p, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	for _, c := range extra {
		p.AddCert(c)
	}
	return p, nil
}
