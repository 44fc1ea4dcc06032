package engine

import (
	"context"
	"errors"
	"io"

	"vigie/services/engine/internal/transcode/confine"
)

// Decode becomes a decoder, confined: args are its program and the arguments of that. It is not for people; the engine
// starts itself so (package transcode).
func Decode(_ context.Context, args []string, _, _ io.Writer) error {
	if len(args) == 0 {
		return errors.New("name the program of the decoder")
	}
	return confine.Become(args[0], args[1:])
}
