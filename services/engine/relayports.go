package engine

import (
	"context"
	"errors"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/engine/internal/relay/account"
)

// checkedRelay is the relay's book, whose ports are asked about first: the system service knows every service's. While it
// does not answer they are taken as they are; the relay then says by itself what it cannot have.
type checkedRelay struct {
	*account.Book
	ask func(context.Context, api.RelayPorts) error
}

// SetSettings changes them. The error is an *answer.Problem where the request is at fault.
func (c checkedRelay) SetSettings(s api.RelaySettings) error {
	ctx, cancel := context.WithTimeout(context.Background(), announceTime)
	defer cancel()
	for field, ports := range questions(s) {
		ports.DryRun = true
		var no *ask.Error
		if err := c.ask(ctx, ports); errors.As(err, &no) && no.Detail.Field != "" {
			return answer.Field(field, "bad_port", no.Detail.Message)
		}
	}
	return c.Book.SetSettings(s)
}

// questions are the ports of each field that would be used.
func questions(s api.RelaySettings) map[string]api.RelayPorts {
	all, out := relayPorts(s), map[string]api.RelayPorts{}
	for i, port := range all.TCP {
		out[[]string{"rtspPort", "rtspsPort"}[i]] = api.RelayPorts{TCP: []int{port}, UDP: []int{}}
	}
	if len(all.UDP) > 0 {
		out["multicastPort"] = api.RelayPorts{TCP: []int{}, UDP: all.UDP}
	}
	return out
}
