package system

import (
	"fmt"
	"os"
	"path/filepath"
)

// boot knows whether the machine's start is over for its disks: a file that lives as long as the machine runs says so,
// because the service may be restarted any time, and a disk that was plugged in since is not one that was there at boot.
type boot struct{ mark string }

func newBoot(runDir string) boot { return boot{filepath.Join(runDir, "settled")} }

// over says whether an earlier run of the service has dealt with the disks that were there at boot.
func (b boot) over() bool {
	_, err := os.Stat(b.mark)
	return err == nil
}

// end says that this run has.
func (b boot) end() error {
	if err := os.WriteFile(b.mark, nil, 0o644); err != nil {
		return fmt.Errorf("remember that the disks have been dealt with: %w", err)
	}
	return nil
}
