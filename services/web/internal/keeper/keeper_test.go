package keeper

import (
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"vigie/services/web/internal/certificate"
)

// handshake is how long a client that asks for a server name waits for its certificate.
func handshake(t *testing.T, k *Keeper, name string) time.Duration {
	t.Helper()
	begin := time.Now()
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		defer server.Close()
		done <- tls.Server(server, &tls.Config{GetCertificate: k.Certificate}).Handshake()
	}()
	if err := tls.Client(client, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake(); err != nil {
		t.Error(err)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return time.Since(begin)
}

func TestHandshakesWaitShortlyForTheAppliancesOwnCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := New(Config{Names: func() certificate.Names { return certificate.Names{Hosts: []string{"vigie"}} }})
		if err != nil {
			t.Fatal(err)
		}
		if d := handshake(t, k, "vigie"); d != handshakeWithin {
			t.Errorf("without one: waited %v", d)
		}
		if d := handshake(t, k, ProbeName); d != 0 {
			t.Errorf("the health check waited %v", d)
		}
		go func() {
			time.Sleep(time.Second)
			close(k.settled)
		}()
		if d := handshake(t, k, "vigie"); d != time.Second {
			t.Errorf("with one after a second: waited %v", d)
		}
		if d := handshake(t, k, "vigie"); d != 0 {
			t.Errorf("with one: waited %v", d)
		}
	})
}
