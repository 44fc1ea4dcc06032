// Package power hears the power button, through the kernel's input devices (modules button and evdev).
//
// ACPI's power button, a keyboard's power key and a management controller's all are input devices that can send
// KEY_POWER; each such device is read until it goes away. The package decides nothing: whoever watches is told that
// the button was pressed.
package power

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// From linux/input-event-codes.h.
const (
	evKey    = 1
	keyPower = 116
)

// eventSize is that of struct input_event on 64-bit machines: two times of 8 bytes, type, code, value.
const eventSize = 24

// HasPowerKey says whether an input device ("event3") can send KEY_POWER. sys is /sys.
func HasPowerKey(sys, event string) bool {
	text, err := os.ReadFile(filepath.Join(sys, "class/input", event, "device/capabilities/key"))
	if err != nil {
		return false
	}
	return hasBit(string(text), keyPower)
}

// hasBit reads a bitmap as sysfs prints it: words of 64 bits in hex, the highest first.
func hasBit(bitmap string, bit int) bool {
	words := strings.Fields(bitmap)
	i := len(words) - 1 - bit/64
	if i < 0 {
		return false
	}
	word, err := strconv.ParseUint(words[i], 16, 64)
	return err == nil && word&(1<<(bit%64)) != 0
}

// Events lists the input devices there are ("event0", ...).
func Events(sys string) []string {
	paths, err := filepath.Glob(filepath.Join(sys, "class/input/event*"))
	if err != nil {
		return nil
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// Watch reads a device until it is gone (nil) or fails, and calls pressed for every press of the button.
func Watch(device string, pressed func()) error {
	f, err := os.Open(device)
	if err != nil {
		return fmt.Errorf("power button: %w", err)
	}
	defer f.Close()
	return watch(f, pressed)
}

func watch(r io.Reader, pressed func()) error {
	buf := make([]byte, 64*eventSize)
	for {
		n, err := r.Read(buf) // whole events only
		for range presses(buf[:n]) {
			pressed()
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, fs.ErrClosed), isGone(err):
			return nil
		case err != nil:
			return fmt.Errorf("power button: %w", err)
		}
	}
}

// presses counts the presses of the power button in a run of events; a release or a repeat is none.
func presses(events []byte) int {
	n := 0
	for ; len(events) >= eventSize; events = events[eventSize:] {
		kind := binary.LittleEndian.Uint16(events[16:])
		code := binary.LittleEndian.Uint16(events[18:])
		value := binary.LittleEndian.Uint32(events[20:])
		if kind == evKey && code == keyPower && value == 1 {
			n++
		}
	}
	return n
}
