package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Firmware is what starts the machine.
type Firmware string

// The firmwares.
const (
	BIOS       Firmware = "bios"        // SeaBIOS
	UEFI       Firmware = "uefi"        // OVMF, Secure Boot off
	SecureBoot Firmware = "secure-boot" // OVMF with Microsoft's keys enrolled and enforced
)

// Medium is how the machine sees [Config.Image].
type Medium string

// The media.
const (
	CD  Medium = "cd"  // a SATA CD drive
	USB Medium = "usb" // a USB 3 stick
	// Fixed is a SATA disk, in the format that the file's name says (.vmdk, .vdi, .vhdx, else raw). What is written to it is
	// forgotten with the machine.
	Fixed Medium = "fixed"
)

// Bus is how a disk is attached.
type Bus string

// The buses. AHCI disks cannot be unplugged from a running machine; the others can.
const (
	AHCI   Bus = "ahci"
	Virtio Bus = "virtio"
	NVMe   Bus = "nvme"
	SCSI   Bus = "scsi"   // behind a virtio SCSI controller
	IDE    Bus = "ide"    // of the older chipset
	PVSCSI Bus = "pvscsi" // VMware's paravirtual SCSI adapter
	MPTSAS Bus = "mptsas" // LSI's SAS1068, which is VMware's "LSI Logic SAS"
)

// Chipset is what the machine's board is made around.
type Chipset string

// The chipsets.
const (
	Q35    Chipset = "q35"
	I440FX Chipset = "pc" // with IDE: what VMware, VirtualBox and Hyper-V's generation 1 look like; BIOS only
)

// Config describes a machine. The zero value of every field but Dir and one of Image, Kernel and FromDisk is usable.
type Config struct {
	Dir string // folder for the machine's own files; made when missing; one machine at a time

	Image  string // hybrid ISO, opened read-only
	Medium Medium // CD unless set

	Kernel, Initrd, CommandLine string // direct boot instead of Image: quicker, and without a boot loader

	FromDisk bool // neither: there is a system on the disks

	DisksFirst bool // the firmware tries the disks before Image

	Firmware  Firmware // BIOS unless set
	Chipset   Chipset  // Q35 unless set
	Accel     Accel    // TCG unless set; see Probe
	CPUs      int      // 2 unless set
	MemoryMiB int      // 1024 unless set

	Disks []Disk
	Stick string // file that is the content of a USB stick with the serial STICK, which is there from the start; "": none
	Disc  string // ISO image that is in a CD drive of its own from the start; "": there is no such drive
	Netns string // name of the network namespace that holds the taps of NICs
	NICs  []NIC

	OEMStrings []string // SMBIOS type 11 strings, one "vigie.<name>=<value>" each
	Watchdog   bool     // adds an i6300esb watchdog that resets the machine
	NoSerial   bool     // the machine has no serial port: its Console stays empty; see VM.Screen
	NoReboot   bool     // a reset by the guest ends QEMU instead

	Extra []string // further QEMU arguments, for fault injection
}

// Disk is a disk of the machine.
type Disk struct {
	ID        string // QEMU id, for RemoveDisk, InsertDisk and FailWrites; 16 characters at most
	Path      string // file; <Dir>/<ID>.<Format> unless set
	Format    string // qcow2 unless set, or raw
	SizeBytes int64  // the file is made with this size when it does not exist
	Serial    string // serial number; ID unless set
	Socket    string // of an NBD server that has the disk, instead of a file; Format must be raw
	Bus       Bus    // Virtio unless set

	slot   string // QEMU bus that it is plugged into
	faulty bool   // see FailWrites; guarded by VM.faults
}

// NIC is a network interface of the machine: a tap when Tap is set, else restricted user networking, in which a DHCP
// server answers and only Forward lets anything through.
type NIC struct {
	ID      string // QEMU id, for SetLink
	MAC     string
	Model   string // QEMU device name, virtio-net-pci unless set
	Tap     string // name of an existing tap in Config.Netns
	Forward []Forward
}

// Forward makes a TCP port of the guest reachable at a loopback port of this machine.
type Forward struct {
	HostPort, GuestPort int
}

const ovmf = "/usr/share/OVMF/"

// prepare fills in what was left unset, refuses what cannot work, and makes the files that are missing.
func (c *Config) prepare() error {
	if c.Dir == "" {
		return errors.New("a machine needs a folder (Config.Dir)")
	}
	ways := 0
	for _, way := range []bool{c.Image != "", c.Kernel != "", c.FromDisk} {
		if way {
			ways++
		}
	}
	if ways != 1 {
		return errors.New("a machine boots either an image, or a kernel, or from its disks")
	}
	c.Medium = orElse(c.Medium, CD)
	c.Firmware = orElse(c.Firmware, BIOS)
	c.Chipset = orElse(c.Chipset, Q35)
	if c.Chipset == I440FX && c.Firmware != BIOS {
		return errors.New("the older chipset is started by BIOS alone")
	}
	c.Accel = orElse(c.Accel, TCG)
	c.CPUs = orElse(c.CPUs, 2)
	c.MemoryMiB = orElse(c.MemoryMiB, 1024)
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make machine folder: %w", err)
	}
	c.Disks = append([]Disk(nil), c.Disks...)
	for i := range c.Disks {
		if err := c.Disks[i].prepare(c.Dir); err != nil {
			return err
		}
	}
	return c.prepareFirmware()
}

func (d *Disk) prepare(dir string) error {
	if d.ID == "" {
		return errors.New("a disk needs an id")
	}
	if len(d.ID) > 16 { // QEMU's names of blocks have 31 at most
		return fmt.Errorf("disk id %s is too long", d.ID)
	}
	d.Format = orElse(d.Format, "qcow2")
	d.Bus = orElse(d.Bus, Virtio)
	d.Serial = orElse(d.Serial, d.ID)
	d.Path = orElse(d.Path, filepath.Join(dir, d.ID+"."+d.Format))
	if d.Socket != "" {
		return nil
	}
	if _, err := os.Stat(d.Path); err == nil {
		return nil
	}
	if d.SizeBytes <= 0 {
		return fmt.Errorf("disk %s: %s does not exist and no size is given to make it", d.ID, d.Path)
	}
	out, err := exec.Command("qemu-img", "create", "-q", "-f", d.Format, d.Path, fmt.Sprint(d.SizeBytes)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make disk %s: %w: %s", d.ID, err, out)
	}
	return nil
}

// prepareFirmware gives the machine its own copy of the UEFI variables, once: what a guest sets survives a restart.
func (c *Config) prepareFirmware() error {
	var pristine string
	switch c.Firmware {
	case BIOS:
		return nil
	case UEFI:
		pristine = ovmf + "OVMF_VARS_4M.fd"
	case SecureBoot:
		pristine = ovmf + "OVMF_VARS_4M.ms.fd"
	default:
		return fmt.Errorf("unknown firmware %q", c.Firmware)
	}
	if _, err := os.Stat(c.uefiVars()); err == nil {
		return nil
	}
	vars, err := os.ReadFile(pristine)
	if err != nil {
		return fmt.Errorf("read pristine UEFI variables: %w", err)
	}
	if err := os.WriteFile(c.uefiVars(), vars, 0o644); err != nil {
		return fmt.Errorf("write UEFI variables: %w", err)
	}
	return nil
}

func (c *Config) uefiVars() string { return filepath.Join(c.Dir, "uefi-vars.fd") }

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// quote escapes a value for QEMU's comma-separated options.
func quote(value string) string { return strings.ReplaceAll(value, ",", ",,") }
