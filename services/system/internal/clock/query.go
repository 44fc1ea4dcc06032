package clock

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/beevik/ntp"
)

// Query asks one server, several times where burst says so, and returns its best answer.
type Query func(ctx context.Context, server string, burst int) (Sample, error)

const (
	// lookupTimeout is for a server's name. Resolvers that do not answer, each tried again for each search domain, would
	// otherwise hold up the round, and with it servers that are known by address, for minutes.
	lookupTimeout = 10 * time.Second
	// queryTimeout is for one question.
	queryTimeout = 3 * time.Second
	// addressesMost is how many addresses of one name are tried, when the first do not answer.
	addressesMost = 3
)

// kissError is a server's wish not to be asked (RFC 5905, section 7.4).
type kissError struct{ code string }

func (e *kissError) Error() string { return "it refuses to answer (" + e.code + ")" }

var errLoop = errors.New("it follows this machine itself")

// NTP returns a Query by NTP version 4 (RFC 5905) on the given port, which is 123 outside of tests; now is the clock
// that answers are compared with, nil the machine's own, with the kernel's stamps of when an answer came.
func NTP(port int, now func() time.Time) Query {
	return func(ctx context.Context, server string, burst int) (Sample, error) {
		lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(lookup, "ip", server)
		if err != nil {
			return Sample{}, err
		}
		for _, addr := range addrs[:min(len(addrs), addressesMost)] {
			var s Sample
			var kiss *kissError
			s, err = best(ctx, netip.AddrPortFrom(addr.Unmap(), uint16(port)), burst, now)
			s.Server = server
			if err == nil || ctx.Err() != nil || errors.As(err, &kiss) {
				return s, err
			}
		}
		return Sample{}, err
	}
}

// best asks one address and returns the answer that may be off least.
func best(ctx context.Context, to netip.AddrPort, burst int, now func() time.Time) (best Sample, err error) {
	answers := 0
	for range burst {
		s, e := once(ctx, to, now)
		if ctx.Err() != nil {
			return Sample{}, ctx.Err()
		}
		if e != nil {
			err = e
			var kiss *kissError
			if answers == 0 || errors.As(e, &kiss) {
				break // a server that does not answer once is not asked four times
			}
			continue
		}
		if answers == 0 || s.Distance() < best.Distance() {
			best = s
		}
		answers++
	}
	if answers == 0 {
		return Sample{}, err
	}
	return best, nil
}

func once(ctx context.Context, to netip.AddrPort, now func() time.Time) (Sample, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var own netip.Addr
	dial := func(_, remote string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", remote)
		if err == nil {
			own = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
			context.AfterFunc(ctx, func() { conn.Close() }) // a service that stops does not wait for answers
		}
		return conn, err
	}
	r, err := ntp.QueryWithOptions(net.JoinHostPort(to.Addr().String(), strconv.Itoa(int(to.Port()))), ntp.QueryOptions{Timeout: queryTimeout, GetSystemTime: now, Dialer: dial})
	if err != nil {
		return Sample{}, err
	}
	if r.KissCode != "" {
		return Sample{}, &kissError{r.KissCode}
	}
	if err := r.Validate(); err != nil {
		return Sample{}, err
	}
	if r.Stratum > 1 && r.ReferenceID == binary.BigEndian.Uint32(reference(own)) && own != to.Addr() {
		return Sample{}, errLoop
	}
	return Sample{
		Addr: to.Addr(), Offset: r.ClockOffset, Delay: r.RTT, RootDelay: r.RootDelay, RootDispersion: r.RootDispersion,
		Stratum: int(r.Stratum), Leap: leapOf(r.Leap),
	}, nil
}

func leapOf(l ntp.LeapIndicator) Leap {
	switch l {
	case ntp.LeapAddSecond:
		return LeapAdd
	case ntp.LeapDelSecond:
		return LeapDelete
	}
	return LeapNone
}

// reference is the reference id by which those who follow a server name it: its IPv4 address, or the beginning of the
// MD5 of its IPv6 address (RFC 5905, section 7.3).
func reference(a netip.Addr) []byte {
	if a.Is4() {
		return a.AsSlice()
	}
	sum := md5.Sum(a.AsSlice())
	return sum[:4]
}

// referenceText is a reference id in the form of the API.
func referenceText(a netip.Addr) string { return fmt.Sprintf("%x", reference(a)) }
