// Package certificate makes the appliance's self-signed TLS certificate and shows its fingerprint.
//
// The certificate is made once, at first boot, and kept with the accounts: people compare its fingerprint with the
// console once and pin it by accepting it, so it must not change with addresses, names or restarts. Nothing here does
// I/O or keeps state.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"time"

	"vigie/internal/hostname"
)

// lifetimeYears is far beyond what a public authority may issue: nobody renews the certificate of a box in a cabinet.
const lifetimeYears = 10

// earliest is the start of every certificate's validity. Clocks of new machines are often wrong, and a certificate that
// begins in the future would be refused once the clock has been set.
func earliest() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// Pair is a certificate with its key, as they are stored.
type Pair struct {
	CertificateDER []byte
	KeyDER         []byte // PKCS #8
}

// New makes a key (ECDSA P-256) and a certificate for the host name and addresses the machine has at this time.
func New(now time.Time, name string, addresses []netip.Addr) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, fmt.Errorf("make serial number: %w", err)
	}
	if now.Before(earliest()) {
		now = earliest()
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName(name), Organization: []string{"Vigie"}},
		NotBefore:             earliest(),
		NotAfter:              now.AddDate(lifetimeYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if hostname.ValidOwn(name) {
		template.DNSNames = append(template.DNSNames, name)
	}
	for _, a := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.Unmap().AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Pair{}, fmt.Errorf("make certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode key: %w", err)
	}
	return Pair{CertificateDER: der, KeyDER: keyDER}, nil
}

// TLS turns a stored pair into what a server needs, and refuses one whose parts do not belong together.
func (p Pair) TLS() (*tls.Certificate, error) {
	leaf, err := x509.ParseCertificate(p.CertificateDER)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(p.KeyDER)
	if err != nil {
		return nil, fmt.Errorf("read key of the certificate: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("read key of the certificate: not a signing key")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return nil, errors.New("the certificate and its key do not belong together")
	}
	return &tls.Certificate{Certificate: [][]byte{p.CertificateDER}, PrivateKey: key, Leaf: leaf}, nil
}

// Fingerprint is the SHA-256 of the certificate as browsers show it: 32 pairs of hex digits joined by colons.
func (p Pair) Fingerprint() string {
	sum := sha256.Sum256(p.CertificateDER)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

func commonName(name string) string {
	if hostname.ValidOwn(name) {
		return name
	}
	return "vigie"
}
