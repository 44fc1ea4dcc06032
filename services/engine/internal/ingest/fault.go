package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigie/services/engine/internal/login"
)

// Fault is why a camera gives no picture.
type Fault struct {
	Code   string // for programs, as in the API's CameraState.code
	Reason string // for people: what is wrong and what to do
	Err    error  // the cause, for the log; may be nil
	Key    string // certificate_changed: of the certificate that was refused
}

func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Code + ": " + f.Reason
	}
	return fmt.Sprintf("%s: %v", f.Code, f.Err)
}

func (f *Fault) Unwrap() error { return f.Err }

// Errors that mark the places where a session ends on our side.
var (
	errStalled    = errors.New("no video packet in time")
	errNoKeyframe = errors.New("no keyframe in time")
	errGoodbye    = errors.New("RTCP goodbye")
	errRedirect   = errors.New("redirected to another host")
	errTLS        = errors.New("no TLS connection")
	errPlainUDP   = errors.New("UDP would not be encrypted")
	errNothing    = errors.New("no packet by UDP in time")
)

// faultOf puts an error of a session into words. played tells whether the camera had begun to send.
func faultOf(err error, hasCredentials, played bool) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	fault := func(code, reason string) *Fault { return &Fault{Code: code, Reason: reason, Err: err} }

	var certificate refusedCertificate
	var dns *net.DNSError
	var status liberrors.ErrClientBadStatusCode
	var authSetup liberrors.ErrClientAuthSetup
	var sdp liberrors.ErrClientSDPInvalid
	var contentType liberrors.ErrClientContentTypeUnsupported
	switch {
	case errors.As(err, &certificate):
		f = fault("certificate_changed", "The camera shows another certificate than before. If it was replaced or reset, accept the new one; if not, something pretends to be the camera.")
		f.Key = certificate.key
		return f
	case errors.As(err, &dns):
		return fault("dns", "The camera's host name cannot be resolved. Check the name and the DNS servers, or use the camera's IP address.")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault("refused", "The camera refuses the connection. Check the port, and that RTSP is switched on in the camera.")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fault("unreachable", "There is no way to the camera's address. Check the cable, the camera's power, its IP address and this machine's network.")
	case errors.Is(err, errRedirect):
		return fault("redirect", "The camera sends us to another host. Enter the address that it should be fetched from.")
	case errors.Is(err, errTLS) && !isTimeout(err):
		return fault("tls", "No encrypted connection comes about. Check that the port is that of encrypted RTSP (322 is usual), or use the camera's rtsp:// address.")
	case errors.Is(err, errPlainUDP):
		return fault("transport", "The camera does not encrypt what it sends by UDP. Choose TCP, or use its rtsp:// address.")
	case errors.Is(err, errNothing):
		return fault("transport", "The camera agrees to send, but nothing arrives. A firewall or a switch may be in the way; choose TCP.")
	case errors.Is(err, errJoin):
		return fault("transport", "The camera's multicast group cannot be joined. Check the group that is set in the camera (239.0.0.0 to 239.255.255.255), or choose TCP.")
	case errors.Is(err, errNoTunnel):
		return fault("no_tunnel", "The camera does not offer RTSP through HTTP at this address. Choose another transport, or write the port of its web server into the address.")
	case errors.Is(err, errTunnelLogin):
		return loginFault(err, hasCredentials)
	case errors.Is(err, errStalled), errors.Is(err, liberrors.ErrClientUDPTimeout{}):
		return fault("stalled", "The camera is connected but has stopped sending video. Restart the camera if this does not pass.")
	case errors.Is(err, errNoKeyframe):
		return fault("no_keyframe", "The camera sends video but no keyframe with its parameter sets. Set its keyframe interval (GOP) to 1 or 2 seconds.")
	case errors.Is(err, errGoodbye):
		return fault("ended", "The camera ended the stream. It is tried again.")
	case errors.As(err, &status):
		return statusFault(status, hasCredentials)
	case errors.As(err, &authSetup), errors.Is(err, login.ErrUnsupported):
		return fault("unauthorized", "The camera asks for a kind of login that is not supported. Set it to digest or basic authentication.")
	case errors.Is(err, liberrors.ErrClientServerRequestedTCP{}), errors.Is(err, liberrors.ErrClientServerRequestedUDP{}),
		errors.Is(err, liberrors.ErrClientServerPortsNotProvided{}), errors.Is(err, liberrors.ErrClientTransportHeaderInvalidDelivery{}),
		errors.Is(err, liberrors.ErrClientTransportHeaderNoDestination{}), errors.Is(err, liberrors.ErrClientTransportHeaderNoPorts{}),
		errors.Is(err, liberrors.ErrClientH264PacketizationMode0{}):
		return fault("transport", refusesTransport)
	case errors.As(err, &sdp), errors.As(err, &contentType), errors.Is(err, liberrors.ErrClientContentTypeMissing{}):
		return fault("protocol", "The camera's description of its stream cannot be understood. Check that the address is that of a video stream.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT),
		errors.Is(err, liberrors.ErrClientRequestTimedOut{}), errors.Is(err, liberrors.ErrClientTCPTimeout{}), isTimeout(err):
		if played {
			return fault("timeout", "The camera has stopped answering. Check its power and the network.")
		}
		return fault("timeout", "The camera does not answer. Check the address, the camera's power and the network.")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		if played {
			return fault("ended", "The camera ended the stream. It is tried again.")
		}
		return fault("closed", "The camera closed the connection before sending video. It may allow too few connections, or not speak RTSP on this port.")
	}
	return fault("protocol", "The camera's answer cannot be understood. Check that the address and port are those of its RTSP stream.")
}

const refusesTransport = "The camera refuses to send by this transport. Choose another, or allow it in the camera."

func loginFault(err error, hasCredentials bool) *Fault {
	f := &Fault{Code: "unauthorized", Reason: "The camera refuses this user name or password.", Err: err}
	if !hasCredentials {
		f.Reason = "The camera asks for a user name and password. Enter them."
	}
	return f
}

func statusFault(status liberrors.ErrClientBadStatusCode, hasCredentials bool) *Fault {
	f := &Fault{Err: status}
	switch status.Code {
	case base.StatusUnauthorized, base.StatusForbidden:
		return loginFault(status, hasCredentials)
	case base.StatusNotFound:
		f.Code, f.Reason = "not_found", "The camera knows no stream at this path. Check the part of the address after the host."
	case base.StatusUnsupportedTransport:
		f.Code, f.Reason = "transport", refusesTransport
	case base.StatusServiceUnavailable, base.StatusNotEnoughBandwidth, base.StatusCode(455):
		f.Code, f.Reason = "busy", "The camera cannot serve another connection now. Close other viewers of it, or raise its limit."
	default:
		f.Code = "rejected"
		f.Reason = fmt.Sprintf("The camera rejects the request with RTSP status %d. Check the address.", status.Code)
	}
	return f
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
