// Package certificate makes the appliance's self-signed TLS certificates and shows their fingerprints.
//
// People accept a certificate once, in a browser or a program, for the name or address that they typed; whoever sees another
// one there must suspect somebody in between. So a certificate that serves a name is never replaced while the machine has
// that name. A name that is new gets a new certificate, for all names of that moment, beside the older ones (Set): a
// handshake gets the oldest that has what was asked for. All have one key, made at first boot and kept with the accounts:
// programs that pin the key never notice. Nothing here does I/O; a Set is not changed once made.
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
	"slices"
	"strings"
	"time"

	"vigie/internal/hostname"
)

const (
	// lifetimeYears is far beyond what a public authority may issue: nobody renews the certificate of a box in a cabinet.
	lifetimeYears = 10
	// lastYears is how long before its end one is made anew.
	lastYears = 1
	// most certificates are kept, and most addresses are in one.
	most          = 8
	mostAddresses = 64
)

// earliest is the start of every certificate's validity. Clocks of new machines are often wrong, and a certificate that
// begins in the future would be refused once the clock has been set.
func earliest() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// Names are what people type to reach the machine. What is no name is left out.
type Names struct {
	Hosts     []string // the first is the certificate's common name
	Addresses []netip.Addr
}

// Stored is a Set as it is kept.
type Stored struct {
	OldestDER []byte
	NewerDER  []byte // the others, one after the other
	KeyDER    []byte // PKCS #8
}

// Set is the certificates in use, the oldest first, and their key.
type Set struct {
	certificates []*tls.Certificate
	key          crypto.Signer
	keyDER       []byte
}

// New makes a key (ECDSA P-256) and a certificate.
func New(now time.Time, names Names) (*Set, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	s := &Set{key: key, keyDER: keyDER}
	c, err := s.sign(now, names)
	if err != nil {
		return nil, err
	}
	s.certificates = []*tls.Certificate{c}
	return s, nil
}

// sign makes a certificate of the set's key.
func (s *Set) sign(now time.Time, names Names) (*tls.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	if now.Before(earliest()) {
		now = earliest()
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "vigie", Organization: []string{"Vigie"}},
		NotBefore:             earliest(),
		NotAfter:              now.AddDate(lifetimeYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, h := range names.Hosts {
		if hostname.ValidOwn(h) && !slices.Contains(template.DNSNames, h) {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if len(template.DNSNames) > 0 {
		template.Subject.CommonName = template.DNSNames[0]
	}
	for _, a := range names.Addresses[:min(len(names.Addresses), mostAddresses)] {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.Unmap().WithZone("").AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key, Leaf: leaf}, nil
}

// Read opens a stored set, and refuses one whose parts do not belong together.
func Read(p Stored) (*Set, error) {
	oldest, err := x509.ParseCertificate(p.OldestDER)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	newer, err := x509.ParseCertificates(p.NewerDER)
	if err != nil {
		return nil, fmt.Errorf("read newer certificates: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(p.KeyDER)
	if err != nil {
		return nil, fmt.Errorf("read key of the certificate: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("read key of the certificate: not a signing key")
	}
	s := &Set{key: signer, keyDER: p.KeyDER}
	for _, leaf := range append([]*x509.Certificate{oldest}, newer...) {
		public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !public.Equal(leaf.PublicKey) {
			return nil, errors.New("the certificate and its key do not belong together")
		}
		s.certificates = append(s.certificates, &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: signer, Leaf: leaf})
	}
	return s, nil
}

// Stored is the set as it is kept.
func (s *Set) Stored() Stored {
	p := Stored{OldestDER: s.certificates[0].Leaf.Raw, KeyDER: s.keyDER}
	for _, c := range s.certificates[1:] {
		p.NewerDER = append(p.NewerDER, c.Leaf.Raw...)
	}
	return p
}

// Has says whether a certificate is for a name, or for an address written as one.
func (s *Set) Has(now time.Time, host string) bool { return s.find(now, host) != nil }

func (s *Set) find(now time.Time, host string) *tls.Certificate {
	for _, c := range s.certificates {
		if c.Leaf.VerifyHostname(host) == nil && now.Before(c.Leaf.NotAfter.AddDate(-lastYears, 0, 0)) {
			return c
		}
	}
	return nil
}

// For is the certificate for who asks for the first of these names or addresses that one is for; for none, the oldest.
func (s *Set) For(now time.Time, hosts ...string) *tls.Certificate {
	for _, h := range hosts {
		if c := s.find(now, h); c != nil {
			return c
		}
	}
	return s.certificates[0]
}

// With is the set for a machine of these names: the same one while it has a certificate for each. Else it has one more, and
// not those beyond the most that may be kept which are for no name any longer.
func (s *Set) With(now time.Time, names Names) (*Set, error) {
	var hosts []string
	for _, h := range names.Hosts {
		if hostname.ValidOwn(h) {
			hosts = append(hosts, h)
		}
	}
	for _, a := range names.Addresses[:min(len(names.Addresses), mostAddresses)] {
		hosts = append(hosts, a.Unmap().WithZone("").String())
	}
	if !slices.ContainsFunc(hosts, func(h string) bool { return !s.Has(now, h) }) {
		return s, nil
	}
	c, err := s.sign(now, names)
	if err != nil {
		return nil, err
	}
	next := &Set{certificates: append(slices.Clone(s.certificates), c), key: s.key, keyDER: s.keyDER}
	needed := map[*tls.Certificate]bool{}
	for _, h := range hosts {
		needed[next.find(now, h)] = true
	}
	for i := 0; len(next.certificates) > most && i < len(next.certificates)-1; {
		if needed[next.certificates[i]] {
			i++
			continue
		}
		next.certificates = slices.Delete(next.certificates, i, i+1)
	}
	if n := len(next.certificates); n > most { // as many names that came one by one
		next.certificates = next.certificates[n-most:]
	}
	return next, nil
}

// Fingerprint is the SHA-256 of a certificate as browsers show it: 32 pairs of hex digits joined by colons.
func Fingerprint(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.Raw)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}
