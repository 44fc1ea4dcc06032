package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// settings are the kernel's that keep networks apart, for every interface and for those that come; "*" is each folder. Init
// sets them at boot (kernel-config/sysctl.conf); here they are looked after.
var settings = []struct{ path, want string }{
	{"net/ipv4/ip_forward", "0"},
	{"net/ipv4/conf/*/forwarding", "0"},
	{"net/ipv6/conf/*/forwarding", "0"},
	{"net/ipv4/conf/*/accept_source_route", "0"},
	{"net/ipv6/conf/*/accept_source_route", "-1"},
	{"net/ipv4/conf/*/accept_redirects", "0"},
	{"net/ipv4/conf/*/secure_redirects", "0"},
	{"net/ipv4/conf/*/send_redirects", "0"},
	{"net/ipv6/conf/*/accept_redirects", "0"},
	{"net/ipv4/conf/*/proxy_arp", "0"},
	{"net/ipv6/conf/*/proxy_ndp", "0"},
	{"net/ipv4/conf/*/route_localnet", "0"},
	{"net/ipv4/conf/all/arp_ignore", "1"},
	{"net/ipv4/conf/all/arp_announce", "2"},
}

// Secure looks at the settings below dir (/proc/sys), makes right what is not, and says what that was, one line each:
// "net/ipv4/ip_forward was 1". An interface that goes while it is looked at is no error.
func Secure(dir string) (changed []string, err error) {
	var errs []error
	for _, s := range settings {
		files, err := filepath.Glob(filepath.Join(dir, s.path))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			was, err := set1(f, s.want)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				errs = append(errs, err)
			case was != s.want:
				name, _ := filepath.Rel(dir, f)
				changed = append(changed, fmt.Sprintf("%s was %s", name, was))
			}
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed), errors.Join(errs...)
}

// set1 writes a setting that is not as wanted, and returns what it was.
func set1(file, want string) (was string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	was = strings.TrimSpace(string(b))
	if was == want {
		return was, nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0) // no O_CREATE: what the kernel does not have is an error, not a file
	if err != nil {
		return was, err
	}
	_, err = f.WriteString(want + "\n")
	return was, errors.Join(err, f.Close())
}
