package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func names(hosts []string, addresses ...string) Names {
	n := Names{Hosts: hosts}
	for _, a := range addresses {
		n.Addresses = append(n.Addresses, netip.MustParseAddr(a))
	}
	return n
}

func set(t *testing.T, n Names) *Set {
	t.Helper()
	s, err := New(now, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// with is the set for these names, read from what is kept of it.
func with(t *testing.T, s *Set, n Names) *Set {
	t.Helper()
	next, err := s.With(now, n)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(next.Stored())
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestACertificateServesItsNamesToABrowserThatTrustsIt(t *testing.T) {
	s := set(t, names([]string{"vigie-1", "vigie-4k7x.local"}, "192.0.2.7", "2001:db8::7"))
	cert := s.For(now, "192.0.2.7")
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	for _, name := range []string{"vigie-1", "VIGIE-4k7x.local", "192.0.2.7", "2001:db8::7"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil || !s.Has(now, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "192.0.2.8", Roots: roots, CurrentTime: now}); err == nil || s.Has(now, "192.0.2.8") {
		t.Error("valid for an address that it was not made for")
	}
	if cert.Leaf.IsCA || cert.Leaf.Subject.CommonName != "vigie-1" {
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

// TestANewNameGetsACertificateAndTheOthersKeepTheirs: who accepted one sees no other while the name is the machine's.
func TestANewNameGetsACertificateAndTheOthersKeepTheirs(t *testing.T) {
	first := set(t, names([]string{"vigie"}, "192.0.2.7"))
	if same := with(t, first, names([]string{"vigie"}, "192.0.2.7")); len(same.certificates) != 1 {
		t.Error("one was made for names that have one")
	}
	second := with(t, first, names([]string{"gate", "gate.local"}, "192.0.2.7", "198.51.100.7"))
	print := Fingerprint(first.For(now, "vigie"))
	if got := Fingerprint(second.For(now, "192.0.2.7")); got != print {
		t.Errorf("an address that stayed has another certificate: %s, was %s", got, print)
	}
	newer := second.For(now, "198.51.100.7")
	if Fingerprint(newer) == print || newer.Leaf.VerifyHostname("gate.local") != nil || newer.Leaf.VerifyHostname("192.0.2.7") != nil {
		t.Errorf("the newer one is for %v %v", newer.Leaf.DNSNames, newer.Leaf.IPAddresses)
	}
	if !newer.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(first.key.Public()) {
		t.Error("it has another key")
	}
	// Back, and to and fro, nothing new is made; for who asks for nothing that is known the oldest serves.
	third := with(t, second, names([]string{"vigie"}, "192.0.2.7"))
	if third = with(t, third, names([]string{"gate"}, "198.51.100.7")); len(third.certificates) != 2 {
		t.Errorf("%d certificates", len(third.certificates))
	}
	if got := Fingerprint(third.For(now, "", "cameras.example.com", "203.0.113.9")); got != print {
		t.Errorf("the oldest is %s, who asks for something else gets %s", print, got)
	}
	if got := Fingerprint(third.For(now, "cameras.example.com", "198.51.100.7")); got != Fingerprint(newer) {
		t.Errorf("by the address: %s", got)
	}
}

func TestCertificatesThatServeNobodyMakeRoom(t *testing.T) {
	s := set(t, names([]string{"vigie"}, "192.0.2.1"))
	print := Fingerprint(s.For(now, "vigie"))
	for i := range 20 {
		s = with(t, s, names([]string{"vigie"}, "192.0.2.1", fmt.Sprintf("198.51.100.%d", i)))
		if Fingerprint(s.For(now, "vigie")) != print || len(s.certificates) > most {
			t.Fatalf("after %d addresses: %d certificates", i, len(s.certificates))
		}
	}
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("203.0.113.%d", i))
		if s = with(t, s, names(nil, all...)); len(s.certificates) > most || !s.Has(now, all[0]) || !s.Has(now, all[i]) {
			t.Fatalf("of %d addresses not all have a certificate among %d", i+1, len(s.certificates))
		}
	}
}

func TestOneThatEndsSoonIsMadeAnew(t *testing.T) {
	s := set(t, names([]string{"vigie"}))
	late := now.AddDate(lifetimeYears, -6, 0)
	next, err := s.With(late, names([]string{"vigie"}))
	if err != nil {
		t.Fatal(err)
	}
	if c := next.For(late, "vigie"); len(next.certificates) != 2 || c.Leaf.NotAfter.Before(late.AddDate(9, 0, 0)) {
		t.Errorf("it ends %v", c.Leaf.NotAfter)
	}
}

func TestValidityDoesNotHangOnAWrongClock(t *testing.T) {
	for _, clock := range []time.Time{time.Unix(0, 0), now} {
		s, err := New(clock, Names{Hosts: []string{"vigie"}})
		if err != nil {
			t.Fatal(err)
		}
		leaf := s.For(now, "vigie").Leaf
		if in := time.Date(2034, 1, 1, 0, 0, 0, 0, time.UTC); !leaf.NotBefore.Equal(earliest()) || leaf.NotAfter.Before(in) {
			t.Errorf("made at %v: valid from %v to %v", clock, leaf.NotBefore, leaf.NotAfter)
		}
	}
}

func TestNamesThatAreNoneAreLeftOut(t *testing.T) {
	for _, name := range []string{"", "-x", "x-", "a b", "é", "x\x00y", string(bytes.Repeat([]byte("a"), 64))} {
		s := set(t, Names{Hosts: []string{name}})
		if leaf := s.certificates[0].Leaf; len(leaf.DNSNames) != 0 || leaf.Subject.CommonName != "vigie" {
			t.Errorf("%q: %v", name, leaf.DNSNames)
		}
		if with(t, s, Names{Hosts: []string{name}}); len(s.certificates) != 1 {
			t.Errorf("%q is asked for", name)
		}
	}
}

func TestReadRefusesPartsThatDoNotBelongTogether(t *testing.T) {
	a, b := set(t, names([]string{"a"})).Stored(), set(t, names([]string{"b"})).Stored()
	for name, p := range map[string]Stored{
		"foreign key":               {a.OldestDER, nil, b.KeyDER},
		"no key":                    {a.OldestDER, nil, nil},
		"no certificate":            {nil, nil, a.KeyDER},
		"swapped":                   {a.KeyDER, nil, a.OldestDER},
		"damaged certificate":       {a.OldestDER[:len(a.OldestDER)-1], nil, a.KeyDER},
		"foreign newer certificate": {a.OldestDER, b.OldestDER, a.KeyDER},
		"damaged newer certificate": {a.OldestDER, a.OldestDER[:20], a.KeyDER},
	} {
		if _, err := Read(p); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestFingerprintIsWrittenAsBrowsersDo(t *testing.T) {
	s := set(t, names([]string{"a"}))
	if f := Fingerprint(s.For(now, "a")); !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(f) {
		t.Errorf("fingerprint %q", f)
	}
}
