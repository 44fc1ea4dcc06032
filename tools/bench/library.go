package main

import (
	"context"
	"errors"
	"io"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

// library is a relay made of gortsplib alone, as MediaMTX is at its core: `bench library ADDRESS URL`. It takes a camera's
// packets by the library's client and gives them to the library's server.
func library(ctx context.Context, args []string, _, _ io.Writer) (err error) {
	if len(args) != 2 {
		return errors.New("library wants an address and a URL")
	}
	u, err := base.ParseURL(args[1])
	if err != nil {
		return err
	}
	tcp := gortsplib.ProtocolTCP
	client := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Protocol: &tcp}
	if err := client.Start(); err != nil {
		return err
	}
	defer client.Close()
	desc, _, err := client.Describe(u)
	if err != nil {
		return err
	}
	if err := client.SetupAll(desc.BaseURL, desc.Medias); err != nil {
		return err
	}
	h := &libraryHandler{}
	server := &gortsplib.Server{Handler: h, RTSPAddress: args[0], WriteQueueSize: 4096}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	h.stream = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: desc.Medias}}
	if err := h.stream.Initialize(); err != nil {
		return err
	}
	defer h.stream.Close()
	client.OnPacketRTPAny(func(m *description.Media, _ format.Format, pkt *rtp.Packet) {
		_ = h.stream.WritePacketRTP(m, pkt) // fails once the stream is closed
	})
	if _, err := client.Play(nil); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// libraryHandler answers every request with the stream.
type libraryHandler struct{ stream *gortsplib.ServerStream }

// OnDescribe answers DESCRIBE.
func (h *libraryHandler) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

// OnSetup answers SETUP.
func (h *libraryHandler) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

// OnPlay answers PLAY.
func (h *libraryHandler) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnStreamWriteError is called when a reader's queue is full: what it gets shows it.
func (h *libraryHandler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
