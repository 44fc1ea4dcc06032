// Package command reads what a technician asks for in one line, given to ssh or typed at the prompt. There is no shell: a line is
// words with spaces between them, and what a shell would do something with is refused, so that nobody believes that it does.
//
// It is pure. A Command that Parse returned is whole and within its limits; an error is a sentence that says what to write.
package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vigie/internal/hostname"
	"vigie/services/system/systemapi"
)

// MaxLine is how long a line may be, in bytes.
const MaxLine = 512

// The names of the commands.
const (
	Help       = "help"
	Status     = "status"
	Interfaces = "interfaces"
	Disks      = "disks"
	Services   = "services"
	Logs       = "logs"
	Ping       = "ping"
	Traceroute = "traceroute"
	Capture    = "capture"
	Shell      = "shell" // the session does it itself
)

// Limits and what counts where nothing is said.
const (
	MaxLogLines, usualLogLines = 2000, 200
	MaxPings, usualPings       = 100, 4
	MaxSeconds, usualSeconds   = 300, 30
	MaxMegabytes, usualMB      = 64, 16
)

// Command is one. Fields are those of its Name.
type Command struct {
	Name    string
	Service string // of Logs
	Lines   int
	Host    string // of Ping and Traceroute: a name or an address
	Count   int
	Capture systemapi.CaptureRequest
}

// Refusal is why a line is no command, as a sentence for people.
type Refusal string

func (r Refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

type kind struct {
	name, arguments, about string
	parse                  func(c *Command, words []string) error
}

func kinds() []kind {
	return []kind{
		{Help, "", "this list", nothing},
		{Status, "", "the machine at a glance", nothing},
		{Interfaces, "", "network interfaces, addresses, DHCP", nothing},
		{Disks, "", "disks and volumes", nothing},
		{Services, "", "services, their memory and restarts", nothing},
		{Logs, "SERVICE [lines N]", fmt.Sprintf("newest lines of a log, %d unless said otherwise; init has one too", usualLogLines), logs},
		{Ping, "HOST [count N]", fmt.Sprintf("ask a host for echoes, %d times unless said otherwise", usualPings), ping},
		{Traceroute, "HOST", "routers on the way to a host", traceroute},
		{Capture, "INTERFACE [host ADDRESS] [port N] [tcp|udp|icmp|arp] [seconds N] [megabytes N]",
			fmt.Sprintf("packets as a pcap file; %d seconds, %d MB unless said otherwise", usualSeconds, usualMB), capture},
		{Shell, "", "a full shell, while an administrator permits it; ssh -t for one to type in", nothing},
	}
}

// List describes all commands, a line or two each.
func List() []string {
	var lines []string
	for _, k := range kinds() {
		lines = append(lines, strings.TrimSpace(k.name+" "+k.arguments), "    "+k.about)
	}
	return append(lines, "", "From another computer, for example:",
		"    ssh NAME@THIS-MACHINE ping 192.168.1.20",
		"    ssh NAME@THIS-MACHINE capture lan1 port 554 > camera.pcap")
}

// Parse reads a line.
func Parse(line string) (Command, error) {
	if len(line) > MaxLine {
		return Command{}, refuse("The command is too long: %d characters at most.", MaxLine)
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return !strings.ContainsRune(fit, r) }); i >= 0 {
		return Command{}, refuse("%q cannot be part of a command: there is no shell here, only words with spaces between them. Write help for the list.", []rune(line[i:])[0])
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return Command{}, refuse("Write a command, for example help.")
	}
	for _, k := range kinds() {
		if k.name != words[0] {
			continue
		}
		c := Command{Name: k.name}
		if err := k.parse(&c, words[1:]); err != nil {
			return Command{}, refuse("%s Write: %s", err, strings.TrimSpace(k.name+" "+k.arguments))
		}
		return c, nil
	}
	return Command{}, refuse("There is no command %q. Write help for the list.", words[0])
}

const fit = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-"

func nothing(c *Command, words []string) error {
	if len(words) > 0 {
		return refuse("%s takes nothing behind it.", c.Name)
	}
	return nil
}

func logs(c *Command, words []string) error {
	if len(words) == 0 {
		return refuse("Which service?")
	}
	c.Service, c.Lines = words[0], usualLogLines
	if strings.Trim(c.Service, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(c.Service) > 32 {
		return refuse("%q is no service.", c.Service)
	}
	return options(words[1:], map[string]func(string) error{"lines": number(&c.Lines, MaxLogLines)})
}

func ping(c *Command, words []string) error {
	c.Count = usualPings
	rest, err := host(c, words)
	if err != nil {
		return err
	}
	return options(rest, map[string]func(string) error{"count": number(&c.Count, MaxPings)})
}

func traceroute(c *Command, words []string) error {
	rest, err := host(c, words)
	if err != nil {
		return err
	}
	return options(rest, nil)
}

// host takes the first word.
func host(c *Command, words []string) (rest []string, err error) {
	if len(words) == 0 {
		return nil, refuse("Which host?")
	}
	a, err := netip.ParseAddr(words[0])
	switch {
	case err == nil && (a.IsMulticast() || a.IsUnspecified()):
		return nil, refuse("%s is nobody's address.", a)
	case err != nil && (!hostname.Valid(words[0]) || strings.Trim(words[0], "0123456789.") == ""):
		return nil, refuse("%q is neither a host's name nor an address.", words[0])
	}
	c.Host = words[0]
	return words[1:], nil
}

func capture(c *Command, words []string) error {
	if len(words) == 0 {
		return refuse("On which interface?")
	}
	if len(words[0]) > 15 {
		return refuse("%q is no interface.", words[0])
	}
	seconds, megabytes := usualSeconds, usualMB
	r := &c.Capture
	r.Interface = words[0]
	protocol := func(name string) func(string) error { return func(string) error { r.Protocol = name; return nil } }
	err := options(words[1:], map[string]func(string) error{
		"seconds": number(&seconds, MaxSeconds), "megabytes": number(&megabytes, MaxMegabytes), "port": number(&r.Port, 65535),
		"host": func(s string) error {
			a, err := netip.ParseAddr(s)
			if err != nil || a.Zone() != "" {
				return refuse("%q is no IP address.", s)
			}
			r.Host = a.String()
			return nil
		},
		"tcp": protocol("tcp"), "udp": protocol("udp"), "icmp": protocol("icmp"), "arp": protocol("arp"),
	})
	r.Seconds, r.Bytes = seconds, int64(megabytes)<<20
	if err == nil && r.Port != 0 && (r.Protocol == "icmp" || r.Protocol == "arp") {
		err = refuse("%s has no ports.", r.Protocol)
	}
	return err
}

// options reads words that stand for themselves or for what follows, each once at most. Protocols take nothing behind them and
// exclude each other.
func options(words []string, known map[string]func(string) error) error {
	alone := []string{"tcp", "udp", "icmp", "arp"}
	var seen []string
	for i := 0; i < len(words); i++ {
		name, value := words[i], ""
		set, ok := known[name]
		if !ok {
			return refuse("%q is not known here.", name)
		}
		group := name
		if slices.Contains(alone, name) {
			group = "protocol"
		} else {
			if i++; i == len(words) {
				return refuse("Something is missing behind %s.", name)
			}
			value = words[i]
		}
		if slices.Contains(seen, group) {
			return refuse("%s is there twice.", group)
		}
		seen = append(seen, group)
		if err := set(value); err != nil {
			return err
		}
	}
	return nil
}

func number(to *int, most int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most || s[0] == '+' {
			return refuse("%q is no number from 1 to %d.", s, most)
		}
		*to = n
		return nil
	}
}
