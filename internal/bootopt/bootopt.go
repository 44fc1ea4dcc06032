// Package bootopt reads the options that Vigie was booted with: vigie.<name>=<value> on the kernel command line, or as
// SMBIOS type 11 (OEM) strings, through which a hypervisor gives them to an unchanged image.
//
// Invariants: an option on the command line wins over the same one from SMBIOS, because whoever types at the boot
// loader stands at the machine; within one source the later one wins. A faulty option is named in Warnings and is as
// good as absent: a machine must boot whatever is written there. Everything here is data; nothing is cached.
//
// DESIGN.md, "Boot options", has the table of names. Because init links it, it imports neither package net nor
// anything that does.
package bootopt

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vigie/internal/hostname"
)

const (
	prefix     = "vigie."
	maxValue   = 1024     // bytes
	maxAnswer  = 22 << 10 // of an answer file of 16 KiB in base64; only SMBIOS has room for so much
	maxLine    = 2047     // what the kernel takes as a command line (COMMAND_LINE_SIZE of x86, with a zero at its end)
	maxServers = 8        // as in the API
)

// Options is what the machine was booted with. The zero value is a boot without options.
type Options struct {
	// FormatBlank asks for disks without any content to become data volumes at boot.
	FormatBlank bool
	// NTPServers replace DHCP's when there are any.
	NTPServers []string
	// Hostname is empty or a valid host name.
	Hostname string
	// Slot is the slot of the system disk that was started, "a" or "b", and System that disk's id; empty in live mode.
	Slot, System string
	// Answer is an answer file for an installation; AnswerLogged: it was on the command line, which the kernel's log shows.
	Answer       []byte
	AnswerLogged bool
	// WatchdogOff asks init to leave the watchdog alone.
	WatchdogOff bool
	// Rescue starts only what mends a machine.
	Rescue bool
	// ResetNetwork asks that the settings of the network become what a new machine has. It counts on the command line
	// alone: what a hypervisor gives is there at each start, and this is wanted at one.
	ResetNetwork bool

	// Warnings are sentences for people about options that were not understood.
	Warnings []string
}

// Read takes the options from the files of a running system, below root (os.DirFS("/")).
// A machine without SMBIOS has no such options. The options that could be read are returned along with the error.
func Read(root fs.FS) (Options, error) {
	var errs []error
	line, err := fs.ReadFile(root, "proc/cmdline")
	if err != nil {
		errs = append(errs, err)
	}
	entries, err := fs.Glob(root, "sys/firmware/dmi/entries/11-*/raw")
	if err != nil {
		errs = append(errs, err)
	}
	slices.Sort(entries)
	var oem []string
	for _, name := range entries {
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		strs, err := ParseOEMStrings(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		oem = append(oem, strs...)
	}
	opts := New(ParseCommandLine(string(line)), oem)
	if len(strings.TrimSuffix(string(line), "\n")) >= maxLine {
		opts.Warnings = append(opts.Warnings, fmt.Sprintf("The kernel's command line is full: it has room for %d characters, and what was behind them is lost.", maxLine))
	}
	if len(errs) > 0 {
		return opts, fmt.Errorf("boot options: %w", errors.Join(errs...))
	}
	return opts, nil
}

// New makes the options of a parsed command line and of OEM strings, of which those that do not start with "vigie."
// are none of ours.
func New(line []Param, oem []string) Options {
	given := map[string]string{}
	var o Options
	for _, s := range oem {
		key, value, _ := strings.Cut(s, "=")
		switch {
		case key == prefix+"reset":
			o.Warnings = append(o.Warnings, fmt.Sprintf("Boot option %s is ignored: it counts on the kernel's command line alone, where it is for one start.", shown(key)))
		case strings.HasPrefix(key, prefix):
			given[key] = value
		}
	}
	for _, p := range line {
		if strings.HasPrefix(p.Key, prefix) {
			given[p.Key] = p.Value
			o.AnswerLogged = o.AnswerLogged || p.Key == prefix+"answer"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if err := o.set(strings.TrimPrefix(key, prefix), given[key]); err != nil {
			o.Warnings = append(o.Warnings, fmt.Sprintf("Boot option %s is ignored: %v.", shown(key), err))
		}
	}
	return o
}

func (o *Options) set(name, value string) error {
	most := maxValue
	if name == "answer" {
		most = maxAnswer
	}
	if len(value) > most {
		return fmt.Errorf("its value is longer than %d bytes", most)
	}
	switch name {
	case "format":
		if value != "blank" {
			return fmt.Errorf("%s is not known, only \"blank\" is", shown(value))
		}
		o.FormatBlank = true
	case "ntp":
		servers, err := parseServers(value)
		if err != nil {
			return err
		}
		o.NTPServers = servers
	case "hostname":
		if !hostname.ValidOwn(value) {
			return fmt.Errorf("%s is no host name (letters, digits, hyphens and dots, %d at most)", shown(value), hostname.MaxOwn)
		}
		o.Hostname = value
	case "answer":
		text, err := base64.StdEncoding.DecodeString(value)
		if err != nil || len(text) == 0 { // the value may hold a password: none of it is repeated
			return errors.New("its value is not a file in base64")
		}
		o.Answer = text
	case "slot":
		if value != "a" && value != "b" {
			return fmt.Errorf("%s is not known, only \"a\" and \"b\" are", shown(value))
		}
		o.Slot = value
	case "system":
		if len(value) != 36 || strings.Trim(value, "0123456789abcdef-") != "" {
			return fmt.Errorf("%s is no disk's id", shown(value))
		}
		o.System = value
	case "watchdog":
		if value != "off" && value != "on" {
			return fmt.Errorf("%s is not known, only \"off\" and \"on\" are", shown(value))
		}
		o.WatchdogOff = value == "off"
	case "rescue":
		if value != "off" && value != "on" {
			return fmt.Errorf("%s is not known, only \"off\" and \"on\" are", shown(value))
		}
		o.Rescue = value == "on"
	case "reset":
		if value != "network" {
			return fmt.Errorf("%s is not known, only \"network\" is", shown(value))
		}
		o.ResetNetwork = true
	default:
		return errors.New("there is no such option")
	}
	return nil
}

func parseServers(value string) ([]string, error) {
	servers := strings.Split(value, ",")
	if len(servers) > maxServers {
		return nil, fmt.Errorf("there are more than %d servers", maxServers)
	}
	for _, s := range servers {
		// An address of version 6 is made of the same letters and colons.
		if !hostname.Valid(s) && !(strings.Contains(s, ":") && strings.Trim(s, "0123456789abcdefABCDEF:.") == "" && len(s) <= 45) {
			return nil, fmt.Errorf("%s is neither a host name nor an address", shown(s))
		}
	}
	return servers, nil
}

// shown is foreign text as it may be put on a console: quoted, printable, short.
func shown(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	return `"` + s + `"`
}
