package mounts

import (
	"fmt"
	"strings"
)

// Mounted is one line of /proc/self/mountinfo.
type Mounted struct {
	Target string
	Type   string
	Source string
}

// ParseMountInfo reads /proc/self/mountinfo (proc_pid_mountinfo(5)), in the order of mounting:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
func ParseMountInfo(text string) ([]Mounted, error) {
	var mounted []Mounted
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 2 {
			return nil, fmt.Errorf("mountinfo: line %q", line)
		}
		mounted = append(mounted, Mounted{Target: unescape(left[4]), Type: right[0], Source: unescape(right[1])})
	}
	return mounted, nil
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
