package ingest

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
)

// trust says which certificate a camera may show. Cameras mostly sign their own, so that nobody vouches for them: the key
// of the first certificate is trusted (trust on first use), and from then on that key, or a certificate that is vouched
// for: one that chains to a root of the system and bears the camera's name.
type trust struct {
	roots *x509.CertPool // nil: the system's

	mu   sync.Mutex
	pin  string // key that is trusted, as keyOf gives it; empty: the first is
	seen string // key that was accepted last
}

// refusedCertificate is the error about a certificate that is not trusted.
type refusedCertificate struct{ key string }

func (refusedCertificate) Error() string { return "certificate with another key than before" }

// keyOf names the key of a certificate: SHA-256 of its SubjectPublicKeyInfo (RFC 5280 §4.1) in lower case hex. A
// certificate that is renewed with its key keeps it.
func keyOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// ValidKey tells whether a text could be the key of a certificate, as Config.Certificate has it.
func ValidKey(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// config is that of a connection to host.
func (t *trust) config(host string) *tls.Config {
	suites := tls.CipherSuites()
	ids := make([]uint16, 0, len(suites)+2)
	for _, s := range suites {
		ids = append(ids, s.ID)
	}
	// Many cameras know no key exchange but RSA's.
	ids = append(ids, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
	return &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12, CipherSuites: ids,
		InsecureSkipVerify: true, // verify does it
		VerifyConnection:   func(s tls.ConnectionState) error { return t.verify(s, host) },
	}
}

func (t *trust) verify(s tls.ConnectionState, host string) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	key := keyOf(s.PeerCertificates[0])
	if pin := t.known(); pin != "" && key != pin && !t.vouched(s.PeerCertificates, host) {
		return refusedCertificate{key}
	}
	t.mu.Lock()
	t.seen = key
	t.mu.Unlock()
	return nil
}

// vouched tells whether a certificate chains to a root and bears the host's name.
func (t *trust) vouched(chain []*x509.Certificate, host string) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: t.roots, Intermediates: between})
	return err == nil
}

// accepted returns the key that was accepted last; empty: none was shown.
func (t *trust) accepted() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// known returns the key that is trusted; empty: the first is.
func (t *trust) known() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pin
}

func (t *trust) pinTo(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pin = key
}
