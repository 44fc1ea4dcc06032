// Package vmdisk makes the disks with which virtual machines start Vigie: the ISO, which is a disk as well, in the formats of
// hypervisors, and an OVA, which describes a whole machine.
//
//	vigie.vmdk  VMware's, compressed (streamOptimized); for the OVA, and for ESXi to import
//	vigie.vdi   VirtualBox's
//	vigie.vhdx  Hyper-V's, for machines of either generation
//	vigie.ova   a tar of vigie.ovf (what machine that is), vigie.mf (SHA-256 of both) and the VMDK
//
// qemu-img writes the disks; they bear identities that it draws by lot, so that two builds differ.
//
// The machine of the OVA has two disks: the one with Vigie, and an empty one, on which it can be installed, or record.
package vmdisk

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"vigie/image/internal/digest"
)

//go:embed machine.ovf
var description string

// Parts is what the disks are made of.
type Parts struct {
	ISO     string // file
	Version string
	Dir     string // where they are written
}

// Names are the files that Write writes.
func Names() []string { return []string{"vigie.vmdk", "vigie.vdi", "vigie.vhdx", "vigie.ova"} }

// Write makes all of them. what they carry bears the time when.
func (p Parts) Write(ctx context.Context, when time.Time) error {
	for _, to := range []struct{ name, format, options string }{
		{"vigie.vmdk", "vmdk", "subformat=streamOptimized,adapter_type=lsilogic,hwversion=14"}, {"vigie.vdi", "vdi", ""}, {"vigie.vhdx", "vhdx", "subformat=dynamic"},
	} {
		args := []string{"convert", "-q", "-f", "raw", "-O", to.format}
		if to.options != "" {
			args = append(args, "-o", to.options)
		}
		out, err := exec.CommandContext(ctx, "qemu-img", append(args, p.ISO, p.file(to.name))...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("make %s: %w: %s", to.name, err, strings.TrimSpace(string(out)))
		}
	}
	if err := p.ova(when); err != nil {
		return fmt.Errorf("make vigie.ova: %w", err)
	}
	return nil
}

func (p Parts) file(name string) string { return filepath.Join(p.Dir, name) }

// machine is what the description's template is filled with.
type machine struct {
	Version   string
	FileBytes int64 // of the VMDK
	DiskBytes int64 // of the disk in it
}

// ova writes the archive. Its parts come in the order that the standard wants (DSP0243, section 6): the description first.
func (p Parts) ova(when time.Time) (err error) {
	disk, err := os.Stat(p.file("vigie.vmdk"))
	if err != nil {
		return err
	}
	iso, err := os.Stat(p.ISO)
	if err != nil {
		return err
	}
	ovf, err := describe(machine{p.Version, disk.Size(), (iso.Size() + 511) / 512 * 512})
	if err != nil {
		return err
	}
	sum, err := digest.File(p.file("vigie.vmdk"))
	if err != nil {
		return err
	}
	own := sha256.Sum256([]byte(ovf))
	manifest := fmt.Sprintf("SHA256(vigie.ovf)= %s\nSHA256(vigie.vmdk)= %s\n", hex.EncodeToString(own[:]), sum)
	out, err := os.Create(p.file("vigie.ova"))
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	add := func(name string, size int64, content io.Reader) error {
		head := &tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: when}
		if err := w.WriteHeader(head); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	}
	err = add("vigie.ovf", int64(len(ovf)), strings.NewReader(ovf))
	if err == nil {
		err = add("vigie.mf", int64(len(manifest)), strings.NewReader(manifest))
	}
	if err == nil {
		var f *os.File
		if f, err = os.Open(p.file("vigie.vmdk")); err == nil {
			err = add("vigie.vmdk", disk.Size(), f)
			f.Close()
		}
	}
	if err == nil {
		err = w.Close()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

// describe fills in the description of the machine. Versions are made of letters that XML leaves alone.
func describe(m machine) (string, error) {
	t, err := template.New("ovf").Parse(description)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, m)
	return b.String(), err
}
