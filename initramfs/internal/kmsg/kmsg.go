// Package kmsg finds in the kernel's log which firmware files drivers asked for in vain.
//
// The image carries free software only, so some NICs and disk controllers come up without their firmware; the
// installer must be told which file is missing. The kernel has no other interface for that than its log, /dev/kmsg,
// whose records are
//
//	3,1042,5134567,-;e100 0000:00:04.0: Direct firmware load for e100/d101m_ucode.bin failed with error -2
//
// The package only reads. A wording that it does not know is no missing firmware.
package kmsg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MissingFirmware returns the name of the file that a record says is missing.
func MissingFirmware(record string) (file string, ok bool) {
	_, text, ok := strings.Cut(record, ";")
	if !ok {
		return "", false
	}
	text, _, _ = strings.Cut(text, "\n") // what follows are properties
	_, after, ok := strings.Cut(text, "Direct firmware load for ")
	if !ok {
		return "", false
	}
	file, result, ok := strings.Cut(after, " ")
	// -2: not there. Others, such as -4 at a shutdown, say nothing about the file.
	if !ok || result != "failed with error -2" || !fs.ValidPath(file) {
		return "", false
	}
	return file, true
}

// Watch reads the log from its beginning until ctx is cancelled and calls missing for each missing file, once.
func Watch(ctx context.Context, device string, missing func(file string)) error {
	f, err := os.OpenFile(device, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("kernel log: %w", err)
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	seen := map[string]bool{}
	record := make([]byte, 8192)
	for {
		n, err := f.Read(record)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.EPIPE): // records were overwritten before they were read
			continue
		case err != nil:
			return fmt.Errorf("kernel log: %w", err)
		}
		if file, ok := MissingFirmware(string(record[:n])); ok && !seen[file] {
			seen[file] = true
			missing(file)
		}
	}
}
