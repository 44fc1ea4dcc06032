// Package mountinfo reads the kernel's table of mounts. It keeps nothing. Because init links it, it imports neither
// package net nor anything that does.
package mountinfo

import (
	"fmt"
	"os"
	"strings"
)

// Mount is one line of the table.
type Mount struct {
	Target string
	Type   string
	Source string // the device node as it was given
	Device string // "major:minor"
}

// Read returns what is mounted for this process, in the order of mounting.
func Read() ([]Mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return Parse(string(text))
}

// Parse reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)):
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
func Parse(text string) ([]Mount, error) {
	var all []Mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 2 {
			return nil, fmt.Errorf("mountinfo: line %q", line)
		}
		all = append(all, Mount{Target: unescape(left[4]), Type: right[0], Source: unescape(right[1]), Device: left[2]})
	}
	return all, nil
}

// unescape undoes the kernel's \ooo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) && s[i+1] <= '3' {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
