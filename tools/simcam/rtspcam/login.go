package rtspcam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// realm is what cameras call themselves when they ask for a login.
const realm = "simulated camera"

// loginMethods are the names of the ways to log in.
func loginMethods() map[string]auth.VerifyMethod {
	return map[string]auth.VerifyMethod{
		"basic": auth.VerifyMethodBasic, "digest-md5": auth.VerifyMethodDigestMD5, "digest-sha256": auth.VerifyMethodDigestSHA256,
	}
}

// checkLogins tells whether all are known.
func checkLogins(names []string) error {
	for _, n := range names {
		if _, ok := loginMethods()[n]; !ok {
			return fmt.Errorf("login %q: want basic, digest-md5 or digest-sha256", n)
		}
	}
	return nil
}

// nonce is what one connection must log in with.
type nonce struct {
	value string
	uses  int
}

// login checks a request's login. It returns the refusal, nil when the request is welcome.
func (h *handler) login(c *Camera, conn *gortsplib.ServerConn, req *base.Request) *base.Response {
	if c.cfg.User == "" {
		return nil
	}
	var methods []auth.VerifyMethod
	for _, n := range c.cfg.Logins {
		methods = append(methods, loginMethods()[n])
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nonces[conn]
	old := n != nil && c.cfg.NonceUses > 0 && n.uses >= c.cfg.NonceUses
	if n == nil || old {
		value, err := auth.GenerateNonce()
		if err != nil {
			return &base.Response{StatusCode: base.StatusInternalServerError}
		}
		n = &nonce{value: value}
		h.nonces[conn] = n
	}
	if auth.Verify(req, c.cfg.User, c.cfg.Pass, methods, realm, n.value) == nil {
		n.uses++
		return nil
	}
	challenges := slices.Clone(auth.GenerateWWWAuthenticate(methods, realm, n.value))
	for i, v := range challenges {
		if old && strings.HasPrefix(v, "Digest") {
			challenges[i] = v + ", stale=true"
		}
	}
	return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": challenges}}
}

// OnConnClose forgets a connection's nonce.
func (h *handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.nonces, ctx.Conn)
}

// OnGetParameter answers keep-alives.
func (h *handler) OnGetParameter(ctx *gortsplib.ServerHandlerOnGetParameterCtx) (*base.Response, error) {
	c := h.cameras[strings.Trim(ctx.Path, "/")]
	if c == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("no camera at %q", ctx.Path)
	}
	if c.cfg.NoGetParameter {
		return &base.Response{StatusCode: base.StatusNotImplemented}, nil
	}
	if refusal := h.login(c, ctx.Conn, ctx.Request); refusal != nil {
		return refusal, nil
	}
	c.kept.Add(1)
	return &base.Response{StatusCode: base.StatusOK}, nil
}
