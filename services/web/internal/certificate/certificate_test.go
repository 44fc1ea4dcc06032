package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"
)

func TestACertificateServesItsNamesToABrowserThatTrustsIt(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	p, err := New(now, "vigie-1", []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := p.TLS()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	for _, name := range []string{"vigie-1", "192.0.2.7", "2001:db8::7"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "192.0.2.8", Roots: roots, CurrentTime: now}); err == nil {
		t.Error("valid for an address that it was not made for")
	}
	if cert.Leaf.IsCA {
		t.Error("whoever trusts it would trust certificates signed by it")
	}
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		defer server.Close()
		done <- tls.Server(server, &tls.Config{Certificates: []tls.Certificate{*cert}}).Handshake()
	}()
	if err := tls.Client(client, &tls.Config{RootCAs: roots, ServerName: "vigie-1", Time: func() time.Time { return now }}).Handshake(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestValidityDoesNotHangOnAWrongClock(t *testing.T) {
	for _, clock := range []time.Time{time.Unix(0, 0), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)} {
		p, err := New(clock, "vigie", nil)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := p.TLS()
		if err != nil {
			t.Fatal(err)
		}
		in := time.Date(2034, 1, 1, 0, 0, 0, 0, time.UTC)
		if !cert.Leaf.NotBefore.Equal(earliest()) || cert.Leaf.NotAfter.Before(in) {
			t.Errorf("made at %v: valid from %v to %v", clock, cert.Leaf.NotBefore, cert.Leaf.NotAfter)
		}
	}
}

func TestNamesThatAreNoneAreLeftOut(t *testing.T) {
	for _, name := range []string{"", "-x", "x-", "a b", "é", "x\x00y", string(bytes.Repeat([]byte("a"), 64))} {
		p, err := New(time.Now(), name, nil)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		cert, err := p.TLS()
		if err != nil || len(cert.Leaf.DNSNames) != 0 || cert.Leaf.Subject.CommonName != "vigie" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTLSRefusesPartsThatDoNotBelongTogether(t *testing.T) {
	a, err := New(time.Now(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(time.Now(), "b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Pair{
		"foreign key":         {a.CertificateDER, b.KeyDER},
		"no key":              {a.CertificateDER, nil},
		"no certificate":      {nil, a.KeyDER},
		"swapped":             {a.KeyDER, a.CertificateDER},
		"damaged certificate": {a.CertificateDER[:len(a.CertificateDER)-1], a.KeyDER},
	} {
		if _, err := p.TLS(); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestFingerprintIsWrittenAsBrowsersDo(t *testing.T) {
	p, err := New(time.Now(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Fingerprint(); !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(f) {
		t.Errorf("fingerprint %q", f)
	}
}
