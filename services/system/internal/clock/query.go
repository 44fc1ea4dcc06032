package clock

import (
	"context"
	"fmt"
	"net"
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
)

// NTP returns a Query by NTP version 4 (RFC 5905) on the given port, which is 123 outside of tests; now is the clock
// that answers are compared with.
func NTP(port int, now func() time.Time) Query {
	return func(ctx context.Context, server string, burst int) (Sample, error) {
		lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(lookup, "ip", server)
		if err != nil {
			return Sample{}, err
		}
		to := net.JoinHostPort(addrs[0].Unmap().String(), strconv.Itoa(port))
		best, answers := Sample{}, 0
		for range burst {
			s, e := once(ctx, to, now)
			s.Server = server
			if ctx.Err() != nil {
				return Sample{}, ctx.Err()
			}
			if e != nil {
				err = e
				if answers == 0 {
					break // a server that does not answer once is not asked four times
				}
				continue
			}
			if answers == 0 || s.Distance < best.Distance {
				best = s
			}
			answers++
		}
		if answers == 0 {
			return Sample{}, err
		}
		return best, nil
	}
}

func once(ctx context.Context, to string, now func() time.Time) (Sample, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial := func(_, remote string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", remote)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() }) // a service that stops does not wait for answers
		}
		return conn, err
	}
	r, err := ntp.QueryWithOptions(to, ntp.QueryOptions{Timeout: queryTimeout, GetSystemTime: now, Dialer: dial})
	if err != nil {
		return Sample{}, err
	}
	if err := r.Validate(); err != nil {
		if r.KissCode != "" {
			return Sample{}, fmt.Errorf("it refuses to answer (%s)", r.KissCode)
		}
		return Sample{}, err
	}
	return Sample{Offset: r.ClockOffset, Distance: r.RootDistance, Stratum: int(r.Stratum)}, nil
}
