// Package gateway passes requests on to another service's unix socket: streaming in both directions, WebSockets
// included, and cancelled when the client goes.
//
// What goes on is chosen, not filtered: the headers that a service has a use for, Vigie-User with the name of who asks,
// Vigie-Rights with what he may do, Vigie-Cameras with those that he may see if he is limited to some, Vigie-Reached and Vigie-Reached-Port with the machine's
// address and port by which the request came, and Vigie-Connected-Ms with the age of its connection.
// Cookies, credentials and the browser's origin stay here. What comes back passes as it is, without cookies and without the
// headers that the web service sets itself. A service that does not answer becomes an error in the API's shape. The gateway
// trusts its caller to have checked session, origin and route, and bounds no bodies.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"vigie/internal/answer"
	"vigie/services/web/internal/rights"
	"vigie/services/web/internal/routes"
)

// UserHeader names the user to the service behind.
const UserHeader = "Vigie-User"

// RightsHeader lists the rights of the user's profile, between commas, for what is told to some only.
const RightsHeader = "Vigie-Rights"

// CamerasHeader lists the ids of the only cameras that the user may see, between commas; absent: he may see all.
const CamerasHeader = "Vigie-Cameras"

// ReachedHeader tells the service behind by which of the machine's addresses the request came, so that it can warn of
// a change that takes this address away.
const ReachedHeader = "Vigie-Reached"

// ReachedPortHeader tells by which port it came, for a change of that.
const ReachedPortHeader = "Vigie-Reached-Port"

// ConnectedHeader tells for how many milliseconds the connection has stood: what stood before a change of the firewall does
// not show that the machine can be reached after it.
const ConnectedHeader = "Vigie-Connected-Ms"

type connectedKey struct{}

// Connected notes in a connection's context when it was made. It is an http.Server's ConnContext.
func Connected(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectedKey{}, time.Now())
}

// answerWithin is how long a service may take for the head of its answer: longer than the longest long-poll of the
// API (30 s). The body may take as long as it likes.
const answerWithin = 45 * time.Second

// passed are the request headers that go on.
func passed() []string {
	return []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding",
		"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
		"Connection", "Upgrade",
		"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
	}
}

// kept are the response headers that only the web service sets.
func kept() []string {
	return []string{
		"Set-Cookie", "Server", "Strict-Transport-Security", "Content-Security-Policy", "X-Content-Type-Options",
		"X-Frame-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy",
		"Cross-Origin-Resource-Policy", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Clear-Site-Data",
	}
}

// Gateway leads to one service. It may be used by many goroutines.
type Gateway struct {
	service   string
	log       *slog.Logger
	transport *http.Transport
	proxy     *httputil.ReverseProxy
}

type whoKey struct{}

// New makes a Gateway to the service that listens on the unix socket; nothing is dialled yet.
func New(service, socket string, log *slog.Logger) *Gateway {
	g := &Gateway{service: service, log: log}
	g.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", socket)
		},
		ResponseHeaderTimeout: answerWithin,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       60 * time.Second,
		DisableCompression:    true, // the client's Accept-Encoding is what counts
	}
	g.proxy = &httputil.ReverseProxy{
		Transport:      g.transport,
		Rewrite:        g.rewrite,
		ModifyResponse: modify,
		ErrorHandler:   g.fail,
		FlushInterval:  -1,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return g
}

// Close drops idle connections.
func (g *Gateway) Close() { g.transport.CloseIdleConnections() }

// Serve passes r on in the name of a user.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request, who rights.Who) {
	g.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, who)))
}

func (g *Gateway) rewrite(pr *httputil.ProxyRequest) {
	pr.Out.URL.Scheme = "http"
	pr.Out.URL.Host = g.service
	pr.Out.Host = g.service
	pr.Out.URL.Path = routes.Upstream(pr.In.URL.Path)
	pr.Out.URL.RawPath = routes.Upstream(pr.In.URL.RawPath)
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery // the service judges the query, not the proxy
	header := http.Header{}
	for _, name := range passed() {
		if v := pr.Out.Header.Values(name); len(v) > 0 {
			header[name] = v
		}
	}
	header.Set("User-Agent", "vigie-web")
	who, _ := pr.In.Context().Value(whoKey{}).(rights.Who)
	maps.Copy(header, Headers(pr.In.Context(), who))
	pr.Out.Header = header
}

// Headers tell a service behind who asks, and how he reached the machine; ctx is that of the request.
func Headers(ctx context.Context, who rights.Who) http.Header {
	header := http.Header{}
	var may []string
	for _, right := range who.Profile.Rights() {
		may = append(may, string(right))
	}
	header.Set(UserHeader, who.Name)
	header.Set(RightsHeader, strings.Join(may, ","))
	if who.Cameras.Limited {
		header.Set(CamerasHeader, strings.Join(who.Cameras.Only, ","))
	}
	if local, ok := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		header.Set(ReachedPortHeader, strconv.Itoa(local.Port))
		header.Set(ReachedHeader, local.AddrPort().Addr().Unmap().String())
	}
	if since, ok := ctx.Value(connectedKey{}).(time.Time); ok {
		header.Set(ConnectedHeader, strconv.FormatInt(max(time.Since(since).Milliseconds(), 1), 10))
	}
	return header
}

func modify(resp *http.Response) error {
	for _, name := range kept() {
		resp.Header.Del(name)
	}
	if resp.StatusCode == http.StatusConflict && strings.HasSuffix(resp.Request.URL.Path, "/confirm") {
		resp.Header.Set("Connection", "close") // a refused confirmation is asked for again over another one
	}
	if resp.StatusCode != http.StatusSwitchingProtocols && resp.Header.Get("Cache-Control") == "" {
		resp.Header.Set("Cache-Control", "no-store")
	}
	return nil
}

// fail answers for a service that did not.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooBig *http.MaxBytesError
	var timeout net.Error
	switch {
	case r.Context().Err() != nil:
		// Nobody is left to answer: the client went, or its session ended.
		panic(http.ErrAbortHandler)
	case errors.As(err, &tooBig):
		answer.Fail(w, answer.Refuse(http.StatusRequestEntityTooLarge, "too_large", "The request is too large."))
		return
	case errors.As(err, &timeout) && timeout.Timeout():
		p := answer.Refuse(http.StatusGatewayTimeout, g.service+"_slow", g.sentence("does not answer in time"))
		p.Detail.RetryAfterMs = 5000
		answer.Fail(w, p)
	default:
		p := answer.Refuse(http.StatusServiceUnavailable, g.service+"_down", g.sentence("is not running at the moment"))
		p.Detail.RetryAfterMs = 2000
		answer.Fail(w, p)
	}
	g.log.Debug("service did not answer", "service", g.service, "err", err)
}

// sentence says what is wrong with the service in the user's words.
func (g *Gateway) sentence(what string) string {
	name := map[string]string{"engine": "The recorder", "system": "The system service", "ntp": "The time server", "ssh": "The SSH service"}[g.service]
	if name == "" {
		name = "The service " + g.service
	}
	return name + " " + what + ". The appliance restarts it by itself: try again in a few seconds."
}
