// Package loader is what an installed machine is started with: GRUB's script, the blocks of its environment in which the
// states of the slots are kept, and its two stages for BIOS. README.md of the installer says who writes what, and why.
//
// A block is 1024 bytes in the form of GRUB's environment (GRUB manual, "The GRUB environment block"): a first line that
// names it, a line "name=value" for each variable, and # up to the end. What is read may be torn: a block without its
// first line is none, and states count only if their generation stands at both ends.
//
// Everything here is data.
package loader

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Where things are in the EFI partition.
const (
	Folder     = "/boot/grub"
	ScriptFile = Folder + "/grub.cfg"
	CountFile  = Folder + "/grubenv" // GRUB's own
	Slots0File = Folder + "/slots0.env"
	Slots1File = Folder + "/slots1.env"
)

// The boot loaders in the root of an image, and the folder that they are in.
const (
	StagesFolder = "/usr/lib/vigie/boot"
	BootStage    = "boot.img" // GRUB for BIOS, first stage
	CoreStage    = "core.img" // and second
	EFIStage     = "efi.img"  // the EFI partition
)

// BootFile is the block in a system image that has the kernel's options and the time of build; Kernel and Initrd lie beside
// it.
const (
	BootFile = "boot.env"
	Kernel   = "vmlinuz"
	Initrd   = "initrd.img"
)

// Starts is how often a slot that is on trial is started.
const Starts = 3

// Prefix is where GRUB for BIOS finds its script: on the disk that it was read from, which BIOS tells it.
const Prefix = "(,gpt2)" + Folder

//go:embed grub.cfg
var script []byte

// Script is grub.cfg.
func Script() []byte { return bytes.Clone(script) }

// Modules is what GRUB for BIOS is made with, everything that its script needs.
func Modules() []string {
	return strings.Fields("biosdisk part_gpt fat squash4 normal configfile linux boot echo test true sleep serial terminal memrw reboot minicmd loadenv regexp")
}

// Variable is one line of a block.
type Variable struct{ Name, Value string }

const (
	blockBytes = 1024
	firstLine  = "# GRUB Environment Block\n"
)

// Block makes a block. Values are one line of printable ASCII without backslashes.
func Block(variables ...Variable) ([]byte, error) {
	b := []byte(firstLine)
	for _, v := range variables {
		if v.Name == "" || strings.ContainsFunc(v.Name+v.Value, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) || strings.Contains(v.Name, "=") {
			return nil, fmt.Errorf("%q cannot be in a block of GRUB's environment", v.Name+"="+v.Value)
		}
		b = append(b, v.Name+"="+v.Value+"\n"...)
	}
	if len(b) > blockBytes {
		return nil, fmt.Errorf("%d bytes do not fit into a block of GRUB's environment", len(b))
	}
	return append(b, bytes.Repeat([]byte{'#'}, blockBytes-len(b))...), nil
}

var errNoBlock = errors.New("not a block of GRUB's environment")

// ParseBlock reads a block. Of variables that are there twice the last one counts, as it does for GRUB.
func ParseBlock(b []byte) (map[string]string, error) {
	if len(b) != blockBytes || !bytes.HasPrefix(b, []byte(firstLine)) {
		return nil, errNoBlock
	}
	out := map[string]string{}
	for line := range bytes.Lines(b) {
		if line[0] == '#' || line[len(line)-1] != '\n' {
			continue
		}
		if name, value, ok := strings.Cut(string(line[:len(line)-1]), "="); ok {
			out[name] = value
		}
	}
	return out, nil
}

// Boot makes the block of a system image.
func Boot(builtS int64, options string) ([]byte, error) {
	return Block(Variable{"built", strconv.FormatInt(builtS, 10)}, Variable{"options", options})
}

// State is what is known of a slot.
type State string

// The states; README.md says what they mean.
const (
	Empty     State = "empty"
	Confirmed State = "confirmed"
	Trying    State = "trying"
	Bad       State = "bad"
)

// Valid says whether a state is one.
func (s State) Valid() bool { return s == Empty || s == Confirmed || s == Trying || s == Bad }

// Slots is what the running system tells GRUB.
type Slots struct {
	Generation uint64 // grows with each change; from 1
	System     string // the id of the disk's partition table; what the kernel is told as vigie.system
	First      string // "a" or "b"
	A, B       State
	Trial      uint64 // number of the trial that is on; 0: none
}

var systemID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s Slots) validate() error {
	if s.Generation == 0 || !systemID.MatchString(s.System) || s.First != "a" && s.First != "b" || !s.A.Valid() || !s.B.Valid() ||
		(s.A == Trying || s.B == Trying) != (s.Trial != 0) {
		return fmt.Errorf("states of slots that are none: %+v", s)
	}
	return nil
}

// Block is the states as both blocks have them.
func (s Slots) Block() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	generation, trial := strconv.FormatUint(s.Generation, 10), ""
	if s.Trial != 0 {
		trial = strconv.FormatUint(s.Trial, 10)
	}
	return Block(Variable{"begin", generation}, Variable{"system", s.System}, Variable{"first", s.First},
		Variable{"slot_a", string(s.A)}, Variable{"slot_b", string(s.B)}, Variable{"trial", trial}, Variable{"end", generation})
}

// ParseSlots reads the two blocks as GRUB does: the first that is whole counts.
func ParseSlots(block0, block1 []byte) (Slots, error) {
	s, err := parseSlots(block0)
	if err != nil {
		if s, again := parseSlots(block1); again == nil {
			return s, nil
		}
	}
	return s, err
}

func parseSlots(block []byte) (Slots, error) {
	v, err := ParseBlock(block)
	if err != nil {
		return Slots{}, err
	}
	if v["begin"] == "" || v["begin"] != v["end"] {
		return Slots{}, errNoBlock
	}
	s := Slots{System: v["system"], First: v["first"], A: State(v["slot_a"]), B: State(v["slot_b"])}
	if s.Generation, err = strconv.ParseUint(v["begin"], 10, 64); err == nil && v["trial"] != "" {
		s.Trial, err = strconv.ParseUint(v["trial"], 10, 64)
	}
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		return Slots{}, fmt.Errorf("states of the slots: %w", err)
	}
	return s, nil
}

// Offsets in GRUB's stages for BIOS (grub-core/boot/i386/pc/boot.S and diskboot.S).
const (
	bootSector    = 0x5c // where stage 1 has the sector of stage 2, 8 bytes
	bootDrive     = 0x64 // 0xff: the drive that BIOS names
	bootDriveTest = 0x66 // a jump over the repair of a wrong name of the drive; two bytes
	coreNext      = 0x1f4
	sectorBytes   = 512
)

// Stages prepares GRUB for BIOS for a disk on which the second stage lies at the given byte: the first stage is code for the
// MBR, the second is what lies there.
func Stages(boot, core []byte, at int64) (mbrCode, second []byte, err error) {
	switch {
	case len(boot) != sectorBytes || boot[510] != 0x55 || boot[511] != 0xaa:
		return nil, nil, errors.New("GRUB's first stage is not a sector of code")
	case len(core) < 2*sectorBytes || binary.LittleEndian.Uint64(core[coreNext:]) == 0:
		return nil, nil, errors.New("GRUB's second stage is too short, or none")
	case at <= 0 || at%sectorBytes != 0:
		return nil, nil, fmt.Errorf("GRUB's second stage cannot lie at byte %d", at)
	}
	mbrCode, second = bytes.Clone(boot[:440]), bytes.Clone(core)
	binary.LittleEndian.PutUint64(mbrCode[bootSector:], uint64(at/sectorBytes))
	mbrCode[bootDrive] = 0xff
	mbrCode[bootDriveTest], mbrCode[bootDriveTest+1] = 0x90, 0x90
	binary.LittleEndian.PutUint64(second[coreNext:], uint64(at/sectorBytes)+1)
	return mbrCode, second, nil
}
