package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"vigie/services/web/internal/keeper"
	"vigie/services/web/internal/routes"
)

// probeWithin is well under the time in which init wants an answer.
const probeWithin = 3 * time.Second

// probe asks each listener for something, as a browser would: connection, handshake, a request that reads the accounts.
// It is the service's health.
func probe(ctx context.Context, listeners []net.Listener) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	for _, l := range listeners {
		if err := ask(ctx, l.Addr().(*net.TCPAddr).AddrPort()); err != nil {
			return fmt.Errorf("own page on %s: %w", l.Addr(), err)
		}
	}
	return nil
}

func ask(ctx context.Context, at netip.AddrPort) error {
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	// The answer decides nothing but whether there is one; who gives it needs no proof.
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{ServerName: keeper.ProbeName, InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at.String()+routes.Prefix+"/setup", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}
