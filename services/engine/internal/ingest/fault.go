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
)

// Fault is why a camera gives no picture.
type Fault struct {
	Code   string // for programs, as in the API's CameraState.code
	Reason string // for people: what is wrong and what to do
	Err    error  // the cause, for the log; may be nil
}

func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Code + ": " + f.Reason
	}
	return fmt.Sprintf("%s: %v", f.Code, f.Err)
}

func (f *Fault) Unwrap() error { return f.Err }

// errSession marks the places where a session ends on our side.
var (
	errStalled    = errors.New("no video packet in time")
	errNoKeyframe = errors.New("no keyframe in time")
	errGoodbye    = errors.New("RTCP goodbye")
	errRedirect   = errors.New("redirected to another host")
	errTLS        = errors.New("redirected to TLS")
)

// faultOf puts an error of a session into words. played tells whether the camera had begun to send.
func faultOf(err error, hasCredentials, played bool) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	fault := func(code, reason string) *Fault { return &Fault{Code: code, Reason: reason, Err: err} }

	var dns *net.DNSError
	var status liberrors.ErrClientBadStatusCode
	var authSetup liberrors.ErrClientAuthSetup
	var sdp liberrors.ErrClientSDPInvalid
	var contentType liberrors.ErrClientContentTypeUnsupported
	switch {
	case errors.As(err, &dns):
		return fault("dns", "The camera's host name cannot be resolved. Check the name and the DNS servers, or use the camera's IP address.")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault("refused", "The camera refuses the connection. Check the port, and that RTSP is switched on in the camera.")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fault("unreachable", "There is no way to the camera's address. Check the cable, the camera's power, its IP address and this machine's network.")
	case errors.Is(err, errRedirect):
		return fault("redirect", "The camera sends us to another host. Enter the address that it should be fetched from.")
	case errors.Is(err, errTLS):
		return fault("bad_scheme", "The camera demands encrypted RTSP (rtsps://), which this version does not support. Allow plain RTSP in the camera.")
	case errors.Is(err, errStalled):
		return fault("stalled", "The camera is connected but has stopped sending video. Restart the camera if this does not pass.")
	case errors.Is(err, errNoKeyframe):
		return fault("no_keyframe", "The camera sends video but no keyframe with its parameter sets. Set its keyframe interval (GOP) to 1 or 2 seconds.")
	case errors.Is(err, errGoodbye):
		return fault("ended", "The camera ended the stream. It is tried again.")
	case errors.As(err, &status):
		return statusFault(status, hasCredentials)
	case errors.As(err, &authSetup):
		return fault("unauthorized", "The camera asks for a kind of login that is not supported. Set it to digest or basic authentication.")
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

func statusFault(status liberrors.ErrClientBadStatusCode, hasCredentials bool) *Fault {
	f := &Fault{Err: status}
	switch status.Code {
	case base.StatusUnauthorized, base.StatusForbidden:
		f.Code, f.Reason = "unauthorized", "The camera refuses this user name or password."
		if !hasCredentials {
			f.Reason = "The camera asks for a user name and password. Enter them."
		}
	case base.StatusNotFound:
		f.Code, f.Reason = "not_found", "The camera knows no stream at this path. Check the part of the address after the host."
	case base.StatusUnsupportedTransport:
		f.Code, f.Reason = "transport", "The camera refuses to send over TCP. Allow RTP over RTSP (TCP, interleaved) in the camera."
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
