package vm

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// arguments is the QEMU command line of a prepared config.
func (c *Config) arguments() []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-vga", "std",
		"-m", fmt.Sprint(c.MemoryMiB), "-smp", fmt.Sprint(c.CPUs),
		"-chardev", "socket,id=control,fd=3", "-mon", "chardev=control,mode=control",
		"-device", "virtio-rng-pci", "-device", "qemu-xhci,id=xhci",
	}
	if c.NoSerial {
		args = append(args, "-serial", "none")
	} else {
		args = append(args, "-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial")
	}
	args = append(args, c.Accel.arguments()...)
	args = append(args, c.firmwareArguments()...)
	args = append(args, c.bootArguments()...)
	args = append(args, c.diskArguments()...)
	if c.Stick != "" {
		args = append(args, "-drive", "if=none,id=stick,format=raw,readonly=on,file="+quote(c.Stick), "-device", "usb-storage,bus=xhci.0,drive=stick,removable=on,serial=STICK")
	}
	if c.Disc != "" {
		bus := "ide.4"
		if c.Chipset == I440FX {
			bus = "ide.1"
		}
		args = append(args, "-drive", "if=none,id=disc,format=raw,readonly=on,media=cdrom,file="+quote(c.Disc), "-device", "ide-cd,bus="+bus+",drive=disc")
	}
	args = append(args, c.nicArguments()...)
	for _, s := range c.OEMStrings {
		args = append(args, "-smbios", "type=11,value="+quote(s))
	}
	if c.Watchdog {
		args = append(args, "-device", "i6300esb", "-action", "watchdog=reset")
	}
	if c.NoReboot {
		args = append(args, "-no-reboot")
	}
	return append(args, c.Extra...)
}

func (c *Config) firmwareArguments() []string {
	pflash := func(unit int, file string, readOnly string) []string {
		return []string{"-drive", fmt.Sprintf("if=pflash,unit=%d,format=raw,readonly=%s,file=%s", unit, readOnly, quote(file))}
	}
	switch c.Firmware {
	case UEFI:
		args := []string{"-machine", "q35"}
		args = append(args, pflash(0, ovmf+"OVMF_CODE_4M.fd", "on")...)
		return append(args, pflash(1, c.uefiVars(), "off")...)
	case SecureBoot:
		// System management mode keeps the guest's operating system away from the key variables.
		args := []string{"-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
			"-global", "ICH9-LPC.disable_s3=1"}
		args = append(args, pflash(0, ovmf+"OVMF_CODE_4M.secboot.fd", "on")...)
		return append(args, pflash(1, c.uefiVars(), "off")...)
	default:
		return []string{"-machine", string(c.Chipset)}
	}
}

func (c *Config) bootArguments() []string {
	if c.Kernel != "" {
		args := []string{"-kernel", c.Kernel}
		if c.Initrd != "" {
			args = append(args, "-initrd", c.Initrd)
		}
		if c.CommandLine != "" {
			args = append(args, "-append", c.CommandLine)
		}
		return args
	}
	if c.FromDisk {
		return nil
	}
	index := "bootindex=0"
	if c.DisksFirst {
		index = fmt.Sprintf("bootindex=%d", len(c.Disks))
	}
	if c.Medium == Fixed {
		format := strings.TrimPrefix(filepath.Ext(c.Image), ".")
		if !slices.Contains([]string{"vmdk", "vdi", "vhdx"}, format) {
			format = "raw"
		}
		return []string{"-drive", "if=none,id=medium,snapshot=on,format=" + format + ",file=" + quote(c.Image), "-device", "ide-hd,bus=ide.5,drive=medium,serial=MEDIUM," + index}
	}
	drive := "if=none,id=medium,format=raw,readonly=on,file=" + quote(c.Image)
	if c.Medium == USB {
		return []string{"-drive", drive, "-device", "usb-storage,bus=xhci.0,drive=medium,removable=on," + index}
	}
	bus := "ide.5"
	if c.Chipset == I440FX {
		bus = "ide.1"
	}
	return []string{"-drive", drive + ",media=cdrom", "-device", "ide-cd,bus=" + bus + ",drive=medium," + index}
}

func (c *Config) diskArguments() []string {
	var args []string
	used := map[Bus]int{}
	for i, d := range c.Disks {
		// A machine that is killed leaves what it wrote in this host's memory: flushing that would only have it wait for the host's
		// disk. Disks that lose what was not flushed are behind a socket.
		source := "driver=file,cache.no-flush=on,filename=" + quote(d.Path)
		if d.Socket != "" {
			source = "driver=nbd,server.type=unix,server.path=" + quote(d.Socket)
		}
		args = append(args,
			"-blockdev", fmt.Sprintf("%s,node-name=%s,discard=unmap", source, d.fileNode()),
			"-blockdev", fmt.Sprintf("driver=%s,node-name=%s,discard=unmap,file=%s", d.Format, d.node(), d.fileNode()))
		if adapter := c.adapter(d.Bus); adapter != "" && used[d.Bus] == 0 {
			args = append(args, "-device", adapter)
		}
		switch {
		case d.Bus == AHCI && c.Chipset == Q35:
			d.slot = fmt.Sprintf("ide.%d", used[AHCI])
		case d.Bus == AHCI:
			d.slot = fmt.Sprintf("ahci.%d", used[AHCI])
		case d.Bus == IDE:
			d.slot = "ide.0"
		case d.Bus == SCSI, d.Bus == PVSCSI, d.Bus == MPTSAS:
			d.slot = string(d.Bus) + ".0"
		case c.Chipset == I440FX:
			d.slot = "pci.0"
		default:
			// A root port of its own is the slot out of which the disk can be pulled.
			d.slot = "slot-" + d.ID
			args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=%s,chassis=%d", d.slot, i+1))
		}
		used[d.Bus]++
		c.Disks[i].slot = d.slot
		device := fmt.Sprintf("%s,bus=%s,id=%s,drive=%s,serial=%s", d.driver(), d.slot, d.ID, d.node(), quote(d.Serial))
		if d.Bus == MPTSAS { // without an address of its own Linux sees nothing at the controller's port
			device += fmt.Sprintf(",wwn=0x5000c500%08x", i+1)
		}
		if c.DisksFirst || c.FromDisk && (c.Stick != "" || c.Disc != "") { // nothing starts from them, and firmware might try them first
			device += fmt.Sprintf(",bootindex=%d", i)
		}
		args = append(args, "-device", device)
	}
	return args
}

// adapter is the QEMU device that disks of a bus are behind, where the board has none of its own.
func (c *Config) adapter(b Bus) string {
	switch {
	case b == AHCI && c.Chipset == I440FX:
		return "ahci,id=ahci"
	case b == SCSI:
		return "virtio-scsi-pci,id=scsi"
	case b == PVSCSI:
		return "pvscsi,id=pvscsi"
	case b == MPTSAS:
		return "mptsas1068,id=mptsas"
	}
	return ""
}

func (c *Config) nicArguments() []string {
	var args []string
	for _, n := range c.NICs {
		backend := fmt.Sprintf("user,id=%s-net,restrict=on", n.ID)
		for _, f := range n.Forward {
			backend += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", f.HostPort, f.GuestPort)
		}
		if n.Tap != "" {
			backend = fmt.Sprintf("tap,id=%s-net,ifname=%s,script=no,downscript=no", n.ID, n.Tap)
		}
		device := fmt.Sprintf("%s,id=%s,netdev=%s-net", orElse(n.Model, "virtio-net-pci"), n.ID, n.ID)
		if n.MAC != "" {
			device += ",mac=" + n.MAC
		}
		// No option ROM: a machine of ours never boots from the network.
		args = append(args, "-netdev", backend, "-device", device+",romfile=")
	}
	return args
}
