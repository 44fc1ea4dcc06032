package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// lifetime of the relay's certificate: clients that check it know it by its fingerprint, not by its age.
const lifetime = 20 * 365 * 24 * time.Hour

var errCertificate = errors.New("the relay's certificate cannot be read")

// newCertificate makes a key and a certificate that it has signed itself, both as PEM.
func newCertificate(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Vigie relay"}, DNSNames: []string{"vigie"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// tls is how RTSPS is spoken. The certificate is made when it is needed first.
func (s *Server) tls() (*tls.Config, error) {
	b, err := s.cfg.Book.Certificate(func() ([]byte, error) { return newCertificate(time.Now()) })
	if err != nil {
		return nil, fmt.Errorf("certificate of the relay: %w", err)
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, errCertificate // which says nothing of the key
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// fingerprint is what people compare.
func (s *Server) fingerprint() (string, error) {
	b, err := s.cfg.Book.StoredCertificate()
	if err != nil || b == nil {
		return "", err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return "", errCertificate
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}
