package md

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Check has an array that runs read all its members and compare them, or ends that.
func Check(root, array string, run bool) error {
	word := "idle"
	if run {
		word = "check"
	}
	return tell(root, array, "sync_action", word)
}

// SetSpeed sets how fast an array brings itself in order: at least while other work goes on, and at most in any case.
func SetSpeed(root, array string, kBps int) error {
	word := strconv.Itoa(kBps)
	return errors.Join(tell(root, array, "sync_speed_max", word), tell(root, array, "sync_speed_min", word))
}

// Gone tells whether a member's disk is not there any more. The kernel lets go of a name only when the array has.
func Gone(root, array, device string) bool {
	link := filepath.Join(root, "sys/block", array, "md/dev-"+device, "block")
	if _, err := os.Lstat(link); err != nil {
		return false // there may be a disk without a link
	}
	_, err := os.Stat(link)
	return errors.Is(err, fs.ErrNotExist)
}

// Drop takes a member out whose disk is gone: the kernel would find out by the next write to it, and keep its place
// for ever. It takes a moment after the first call; call it until the member is no longer listed.
func Drop(root, array, device string) error {
	state := filepath.Join("dev-"+device, "state")
	if err := tell(root, array, state, "faulty"); err != nil {
		return err
	}
	return tell(root, array, state, "remove")
}

func tell(root, array, file, word string) error {
	f, err := os.OpenFile(filepath.Join(root, "sys/block", array, "md", file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(word)
	return errors.Join(err, f.Close())
}
