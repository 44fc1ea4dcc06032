package rtspcam

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"strconv"
	"time"
)

// Transports are the ways by which a Server sends beside TCP and the tunnel through HTTP, which it always offers.
type Transports struct {
	UDP       bool
	Multicast string // range of groups, as 239.192.0.0/24; empty: none
	// SourceFilter: descriptions say that nobody but the camera sends to its groups (RFC 4570).
	SourceFilter bool
	// TLS, when set, encrypts the RTSP connections, as cameras do: RTP in them is as it is, and there is no UDP.
	TLS *tls.Certificate
	// SRTP encrypts RTP by itself besides, by UDP too.
	SRTP bool
}

// tls is how connections are encrypted.
func (s *Server) tls() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.certificate.Load(), nil
	}}
}

// SetCertificate puts another in the place of Transports.TLS, as when cameras are reset or updated: all sessions end, and
// who comes again is shown the new one.
func (s *Server) SetCertificate(c *tls.Certificate) {
	s.certificate.Store(c)
	for _, camera := range s.order {
		camera.Drop()
	}
}

// SelfSigned makes a certificate that nobody vouches for, as those of cameras are.
func SelfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "simulated camera"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// prepare gives the RTSP server its transports. Listening for UDP takes a pair of ports that are free together: what
// takes one of them meanwhile makes the server's start fail, so Open tries more than once.
func (s *Server) prepare(host string) error {
	if t := s.Transports; t.TLS != nil && t.SRTP {
		s.rtsp.TLSConfig = s.tls()
	}
	if s.Transports.UDP {
		port, err := freePair(host)
		if err != nil {
			return err
		}
		s.rtsp.UDPRTPAddress = net.JoinHostPort(host, strconv.Itoa(port))
		s.rtsp.UDPRTCPAddress = net.JoinHostPort(host, strconv.Itoa(port+1))
	}
	if s.Transports.Multicast != "" {
		port, err := freePair("")
		if err != nil {
			return err
		}
		s.rtsp.MulticastIPRange, s.rtsp.MulticastRTPPort, s.rtsp.MulticastRTCPPort = s.Transports.Multicast, port, port+1
	}
	return nil
}

// freePair finds an even port that is free with the next one.
func freePair(host string) (int, error) {
	var last error
	for range 100 {
		port := 20_000 + 2*mrand.N(20_000)
		a, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		b, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port+1)))
		if err == nil {
			return port, errors.Join(a.Close(), b.Close())
		}
		last = errors.Join(err, a.Close())
	}
	return 0, fmt.Errorf("find two UDP ports: %w", last)
}
