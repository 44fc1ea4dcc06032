// Package kernelconfig holds what Vigie asks of its kernel, as text that explains itself: which modules the image
// carries (modules/*.list), the kernel's command line (cmdline) and its run-time settings (sysctl.conf). README.md says
// which kernel and why.
package kernelconfig

import (
	"embed"
	"fmt"
	"path"
	"sort"
	"strings"
)

// Early is the class of modules that are needed before the root file system is there.
const Early = "early"

//go:embed modules/*.list cmdline sysctl.conf
var files embed.FS

// Classes lists the module classes, sorted.
func Classes() ([]string, error) {
	entries, err := files.ReadDir("modules")
	if err != nil {
		return nil, fmt.Errorf("list module classes: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	sort.Strings(names)
	return names, nil
}

// Modules returns the entries of a module class: module names, or folders of the kernel's source tree ending in a slash
// for all modules below them.
func Modules(class string) ([]string, error) {
	return lines("modules/" + class + ".list")
}

// CommandLine is the kernel's command line.
func CommandLine() (string, error) {
	options, err := lines("cmdline")
	return strings.Join(options, " "), err
}

// Sysctl is the text of sysctl.conf(5), comments included.
func Sysctl() ([]byte, error) {
	text, err := files.ReadFile("sysctl.conf")
	if err != nil {
		return nil, fmt.Errorf("read sysctl settings: %w", err)
	}
	return text, nil
}

// lines returns what a file says: one entry a line, without comments, which start with #.
func lines(name string) ([]string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var entries []string
	for line := range strings.Lines(string(text)) {
		entry, _, _ := strings.Cut(line, "#")
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}
