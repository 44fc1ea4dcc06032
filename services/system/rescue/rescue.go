// Package rescue is the programs of rescue mode, for whoever stands at a machine that does not work: "vigie rescue read",
// "memory", "loader", "logs" and "capture". The console's menu runs them on its terminal, by way of the shell service; in a shell
// they are typed. Each says on standard output how far it is and what came of it, in sentences, and is given up by Ctrl-C.
//
// They work without the system service, but for logs, which goes on without what it cannot be told: that service may be what is
// broken. A disk is named as the API names it, or by its serial. "read" and "memory" change nothing; "loader" writes where the
// boot loader lies, and nowhere else; "logs" to the USB disk that is named; "capture" to a new file.
package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vigie/internal/console/screen"
	"vigie/services/system/internal/blockdev"
)

// machine is what the programs work on.
type machine struct {
	root string // "/" but in tests
	list func() ([]blockdev.Disk, error)
	node func(name string) string
	out  io.Writer
	told time.Time // when progress was written last
}

const usage = `vigie rescue read DISK          read all of a disk, and say what cannot be read
vigie rescue memory [MIB]       test the memory that is free, or so much of it
vigie rescue loader DISK        write the boot loader of a disk with an installed Vigie anew
vigie rescue logs USBDISK       copy logs and a report to a USB disk
vigie rescue capture CARD FILE  write what a network card gets and sends to a new pcap file
`

// Run is "vigie rescue".
func Run(ctx context.Context, args []string, stdout, _ io.Writer) error {
	m := &machine{root: "/", list: func() ([]blockdev.Disk, error) { return blockdev.List("/") }, node: blockdev.Node, out: stdout}
	return m.run(ctx, args)
}

func (m *machine) run(ctx context.Context, args []string) error {
	switch name, rest := first(args); {
	case name == "read" && len(rest) == 1:
		return m.read(ctx, rest[0])
	case name == "memory" && len(rest) <= 1:
		return m.memory(ctx, rest)
	case name == "loader" && len(rest) == 1:
		return m.loader(ctx, rest[0])
	case name == "logs" && len(rest) == 1:
		return m.logs(ctx, rest[0])
	case name == "capture" && len(rest) == 2:
		return m.capture(ctx, rest[0], rest[1])
	}
	return errors.New("usage:\n" + strings.TrimSuffix(usage, "\n"))
}

func first(args []string) (name string, rest []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// say writes a line, in several where it is too long for a terminal.
func (m *machine) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(text) >= screen.Columns {
		text = strings.Join(screen.Wrap(text, screen.Columns-1), "\n")
	}
	fmt.Fprintln(m.out, text)
}

// progress writes a line over the one before it, now and then: a serial line is slow.
func (m *machine) progress(format string, args ...any) {
	if time.Since(m.told) < tellEvery/2 {
		return
	}
	m.told = time.Now()
	fmt.Fprintf(m.out, "\r%-78s", fmt.Sprintf(format, args...))
}

// progressed ends the line that progress writes.
func (m *machine) progressed() { fmt.Fprintf(m.out, "\r%78s\r", "") }

// disk is the one that is named.
func (m *machine) disk(name string) (blockdev.Disk, error) {
	list, err := m.list()
	if err != nil {
		return blockdev.Disk{}, err
	}
	var found []blockdev.Disk
	var known []string
	for _, d := range list {
		if d.ID == name || d.Serial == name {
			found = append(found, d)
		}
		known = append(known, d.Serial)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return blockdev.Disk{}, fmt.Errorf("there is no disk %q; there are %s", name, strings.Join(known, ", "))
	}
	return blockdev.Disk{}, fmt.Errorf("more than one disk is called %q; name it by its id", name)
}
