package menu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/console/screen"
)

const (
	rescueTitle = "Rescue mode: nothing is recorded."
	foundWithin = 10 * time.Second // a disk whose boot loader was mended, by the system service
)

// Rescue is what rescue mode can do besides.
type Rescue struct {
	Mender
	// Run has a program of the image, or without one a shell, speak on the terminal until it ends.
	Run func(ctx context.Context, command ...string) error
}

// Mender is what rescue mode has services do: a machine.Machine. Errors are sentences.
type Mender interface {
	ChangeVolume(ctx context.Context, volume string, r api.VolumeChange) error
	StartArray(ctx context.Context, array string, degraded bool) error
	StartNetwork(ctx context.Context) error
	StartWeb(ctx context.Context) error
	StartEngine(ctx context.Context) error
	StopEngine(ctx context.Context) error
	RebuildIndex(ctx context.Context) error
	Repair(ctx context.Context) (api.Repair, error)
	SetPassword(ctx context.Context, password string) (username string, err error)
}

// mend shows how the machine is, and does what is chosen, once.
func (m *Menu) mend(ctx context.Context) error {
	chosen, err := m.choose(ctx, func() []string { return m.patient(ctx) }, []choice{
		{'1', "Shell", m.shell},
		{'2', "Read test of a disk", m.readTest},
		{'3', "Test of the memory", m.memoryTest},
		{'4', "Volumes: mount, check, repair", m.volumes},
		{'5', "Network settings", m.mendNetwork},
		{'6', "Administrator's password", m.setPassword},
		{'7', "Write the boot loader anew", m.mendLoader},
		{'8', "Copy logs to a USB disk", m.copyLogs},
		{'9', "Factory reset", m.mendReset},
		{'i', "Rebuild the index from recordings", m.rebuildIndex},
		{'n', "Network on, until the restart", m.startNetwork},
		{'d', "Disks and what is on them", m.showDisks},
		{'r', "Restart, to record again", m.restart},
		{'p', "Power off", m.powerOff},
	})
	if err != nil {
		return err
	}
	if err := chosen.run(ctx); !errors.Is(err, errBack) {
		return err
	}
	return nil
}

// patient is how the machine is.
func (m *Menu) patient(ctx context.Context) []string {
	s := m.Machine.State(ctx).System
	network := "off"
	if s != nil && networked(s) {
		network = "on"
	}
	lines := []string{rescueTitle + " The network is " + network + ".", "Arrays are started, and volumes mounted, when they are needed or you want it.", ""}
	if s == nil {
		return append(lines, "The system service does not answer. The shell and the tests work all the same.")
	}
	lines = append(lines, screen.Printable("Vigie "+s.Version), "")
	for _, d := range s.Disks {
		lines = append(lines, clipped(diskLine(d)))
	}
	for _, a := range s.Arrays {
		if a.Status != api.ArrayStatusRunning {
			lines = append(lines, clipped(arrayLine(a)))
		}
	}
	for _, v := range s.Volumes {
		lines = append(lines, clipped(volumeLine(s, v)))
	}
	if len(s.Disks) == 0 {
		lines = append(lines, "No disk is found.")
	}
	return lines
}

func diskLine(d api.Disk) string {
	return fmt.Sprintf("disk %s, %s, %s: %s", d.Serial, screen.Bytes(d.SizeBytes), d.Model, d.Use)
}

func volumeLine(s *api.Status, v api.Volume) string {
	return fmt.Sprintf("volume %s on %s: %s", v.Name, serialOf(s, v.Disk), v.Status)
}

// clipped fits a line on the terminal.
func clipped(line string) string {
	line = screen.Printable(line)
	return line[:min(len(line), screen.Columns-1)]
}

func (m *Menu) shell(ctx context.Context) error {
	if err := m.say("This is a shell with all rights but to change the kernel. Type exit to come back to the menu."); err != nil {
		return err
	}
	m.Said("shell")
	if err := m.Rescue.Run(ctx); err != nil {
		return m.done(ctx, sentence(err), "")
	}
	return m.Terminal.Write("\n")
}

// sentence is what a program could not be started for.
func sentence(err error) error {
	return machine.Refusal("That did not work: " + strings.TrimRight(err.Error(), ".") + ". Wait a moment and try again.")
}

// tool runs one of rescue mode's programs, which tell what they do and what came of it.
func (m *Menu) tool(ctx context.Context, args ...string) error {
	return m.done(ctx, m.program(ctx, args...), "")
}

func (m *Menu) program(ctx context.Context, args ...string) error {
	m.Said(strings.Join(args, " "))
	if err := m.Rescue.Run(ctx, append([]string{"/bin/vigie", "rescue"}, args...)...); err != nil {
		return sentence(err)
	}
	return nil
}

// pick has one of several things chosen.
func pick[T any](ctx context.Context, m *Menu, question, none string, list []T, name func(T) string) (T, error) {
	const keys = "123456789abcdefghijklmnopqrstuvw"
	var out T
	if len(list) == 0 {
		return out, errors.Join(errBack, m.done(ctx, nil, none))
	}
	var choices []choice
	for i, each := range list[:min(len(list), len(keys))] {
		choices = append(choices, choice{keys[i], clipped(name(each)), func(context.Context) error { out = each; return nil }})
	}
	choices = append(choices, choice{'x', "Back", func(context.Context) error { return errBack }})
	chosen, err := m.choose(ctx, func() []string { return []string{question} }, choices)
	if err != nil {
		return out, err
	}
	return out, chosen.run(ctx)
}

// system is the machine's state, or goes back.
func (m *Menu) system(ctx context.Context) (*api.Status, error) {
	if s := m.Machine.State(ctx).System; s != nil {
		return s, nil
	}
	return nil, errors.Join(errBack, m.done(ctx, nil, "The system service does not answer. Wait a moment and try again; the shell works all the same."))
}

// pickMedium has one of the USB disks chosen that are plugged in.
func (m *Menu) pickMedium(ctx context.Context, s *api.Status, question string) (api.Medium, error) {
	media := slices.DeleteFunc(slices.Clone(s.Media), func(x api.Medium) bool { return x.Status == api.MediumStatusEjected })
	return pick(ctx, m, question, "Plug in a USB disk with a file system (FAT, exFAT, NTFS, ext4, XFS), and try again in a moment.", media,
		func(x api.Medium) string { return x.Name + ", " + x.Filesystem })
}

func (m *Menu) showDisks(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	if err := m.Terminal.Write("\n" + strings.Join(screen.Disks(s), "\n") + "\n"); err != nil {
		return err
	}
	return m.pause(ctx)
}

func (m *Menu) readTest(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	d, err := pick(ctx, m, "Which disk? All of it is read, and nothing is written.", "No disk is found.", s.Disks, diskLine)
	if err != nil {
		return err
	}
	return m.tool(ctx, "read", d.ID)
}

func (m *Menu) memoryTest(ctx context.Context) error { return m.tool(ctx, "memory") }

func (m *Menu) mendLoader(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	// One whose boot loader is broken may not look like a system disk any more.
	fixed := slices.DeleteFunc(slices.Clone(s.Disks), func(d api.Disk) bool {
		return d.Use == api.DiskUseBoot || d.Use == api.DiskUseBlank || d.Use == api.DiskUseArray
	})
	d, err := pick(ctx, m, "Of which disk? Its versions, settings and recordings are not touched.", "There is no disk with an installed Vigie.", fixed, diskLine)
	if err != nil {
		return err
	}
	if err := m.confirm(ctx, fmt.Sprintf("The boot loader of the disk %s is written anew, as this version of Vigie has it.", screen.Printable(d.Serial))); err != nil {
		return err
	}
	failed := m.program(ctx, "loader", d.ID)
	// Its volumes are found in a moment, and the settings on them.
	for began := time.Now(); failed == nil && time.Since(began) < foundWithin; {
		s := m.Machine.State(ctx).System
		if s == nil || slices.ContainsFunc(s.Volumes, func(v api.Volume) bool { return v.Disk == d.ID }) {
			break
		}
		if _, pressed, err := m.key(ctx, watchEvery/2); err != nil {
			return err
		} else if pressed {
			break
		}
	}
	return m.done(ctx, failed, "")
}

func (m *Menu) copyLogs(ctx context.Context) error {
	s, err := m.system(ctx)
	if err != nil {
		return err
	}
	x, err := m.pickMedium(ctx, s, "To which USB disk?")
	if err != nil {
		return err
	}
	return m.tool(ctx, "logs", x.ID)
}

// mendReset is a factory reset.
func (m *Menu) mendReset(ctx context.Context) error {
	if err := m.mountAll(ctx); err != nil {
		return err
	}
	return m.factoryReset(ctx)
}
