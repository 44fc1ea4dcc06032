package power

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isGone recognises the end of a device that was unplugged.
func isGone(err error) bool { return errors.Is(err, unix.ENODEV) }
