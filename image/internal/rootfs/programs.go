package rootfs

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"

	"vigie/image/internal/tree"
)

// content is what the root takes from a package; every package's licence comes along.
type content struct {
	pkg      string
	programs []string          // executables, by path in the package
	links    map[string]string // further names, in usr/sbin
	files    []string          // files and folders of data
	library  bool              // a source of shared libraries
}

// contents is all that comes from Debian. A shared library is taken when a program needs it.
func contents() []content {
	return []content{
		{pkg: "xfsprogs", // data volumes: make, check, grow
			programs: []string{"usr/sbin/mkfs.xfs", "usr/sbin/xfs_repair", "usr/sbin/xfs_growfs", "usr/sbin/xfs_db"}},
		{pkg: "e2fsprogs", // the settings partition
			programs: []string{"usr/sbin/mke2fs", "usr/sbin/e2fsck", "usr/sbin/resize2fs", "usr/sbin/tune2fs"},
			links:    map[string]string{"mkfs.ext4": "mke2fs", "fsck.ext4": "e2fsck"},
			files:    []string{"etc/mke2fs.conf"}},
		{pkg: "mdadm", // software RAID; mdmon for arrays whose format the firmware knows
			programs: []string{"usr/sbin/mdadm", "usr/sbin/mdmon"}},
		{pkg: "smartmontools", // disk health, also behind RAID cards
			programs: []string{"usr/sbin/smartctl"},
			files:    []string{"usr/share/smartmontools/drivedb.h"}},
		{pkg: "busybox", // a technician's shell and its tools, in one program; run while an administrator permits it
			programs: []string{"usr/bin/busybox"}},
		// What a technician expects besides, in the shell of rescue mode. tcpdump is not there ("vigie rescue capture" is):
		// with OpenSSL and D-Bus, which it and libpcap need, it has more bytes than all the rest.
		{pkg: "gddrescue", programs: []string{"usr/bin/ddrescue"}}, // a dying disk is copied before anything else
		{pkg: "gdisk", programs: []string{"usr/sbin/sgdisk"}},
		{pkg: "hdparm", programs: []string{"usr/sbin/hdparm"}},
		{pkg: "ethtool", programs: []string{"usr/sbin/ethtool"}},
		{pkg: "dropbear-bin", // its client alone, to copy something off a broken machine
			programs: []string{"usr/bin/dbclient"},
			links:    map[string]string{"ssh": "../bin/dbclient"}},
		{pkg: "tzdata", files: []string{"usr/share/zoneinfo"}},
		{pkg: "ca-certificates"}, // made into one file
		{pkg: "libc6", library: true},
		{pkg: "gcc-14-base"}, // the licence of the next two
		{pkg: "libgcc-s1", library: true},
		{pkg: "libstdc++6", library: true},
		{pkg: "libblkid1", library: true},
		{pkg: "libuuid1", library: true},
		{pkg: "libinih1", library: true},
		{pkg: "liburcu8t64", library: true},
		{pkg: "libudev1", library: true},
		{pkg: "libcap2", library: true}, // libudev needs it
		{pkg: "libselinux1", library: true},
		{pkg: "libpcre2-8-0", library: true}, // libselinux needs it
		{pkg: "libext2fs2t64", library: true},
		{pkg: "libcom-err2", library: true},
		{pkg: "libss2", library: true},
		{pkg: "libedit2", library: true}, // of xfs_db, with the next three
		{pkg: "libbsd0", library: true},
		{pkg: "libmd0", library: true},
		{pkg: "libtinfo6", library: true},
		{pkg: "libpopt0", library: true},     // of sgdisk
		{pkg: "libmnl0", library: true},      // of ethtool
		{pkg: "libtomcrypt1", library: true}, // of dbclient, with the next three
		{pkg: "libtommath1", library: true},
		{pkg: "libgmp10", library: true},
		{pkg: "zlib1g", library: true},
	}
}

// Packages lists the Debian packages that the root is made of, the kernel not among them.
func Packages() []string {
	var names []string
	for _, c := range contents() {
		names = append(names, c.pkg)
	}
	return names
}

// libraryDir is where Debian's loader looks without a cache being made.
const libraryDir = "usr/lib/x86_64-linux-gnu"

func (p Parts) programs(t *tree.Tree) error {
	libs := libraries{found: map[string]string{}}
	var binaries []string
	for _, c := range contents() {
		pkg, ok := p.Packages[c.pkg]
		if !ok {
			return fmt.Errorf("package %s is not in the set", c.pkg)
		}
		for _, name := range c.programs {
			file := filepath.Join(pkg.Dir, name)
			t.Copy(name, 0o755, file)
			binaries = append(binaries, file)
		}
		for name, target := range c.links {
			t.Symlink("usr/sbin/"+name, target)
		}
		for _, name := range c.files {
			addData(t, name, filepath.Join(pkg.Dir, name))
		}
		if c.library {
			if err := libs.scan(filepath.Join(pkg.Dir, libraryDir)); err != nil {
				return fmt.Errorf("package %s: %w", c.pkg, err)
			}
		}
	}
	needed, err := libs.closure(binaries)
	if err != nil {
		return err
	}
	for _, name := range needed {
		t.Copy(path.Join(libraryDir, name), 0o755, libs.found[name])
	}
	// The path of the loader that is written into every program.
	t.Symlink("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
	return nil
}

// licences puts in the licence of every package. Some packages point to another one's.
func (p Parts) licences(t *tree.Tree) error {
	for name, pkg := range p.Packages {
		folder := path.Join("usr/share/doc", name)
		if target, err := os.Readlink(filepath.Join(pkg.Dir, folder)); err == nil {
			if _, ok := p.Packages[target]; !ok {
				return fmt.Errorf("the licence of %s is in the package %s, which is not in the set", name, target)
			}
			t.Symlink(folder, target)
			continue
		}
		t.Copy(path.Join(folder, "copyright"), 0o644, filepath.Join(pkg.Dir, folder, "copyright"))
	}
	return nil
}

func addData(t *tree.Tree, name, source string) {
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		t.CopyAll(name, source)
		return
	}
	t.Copy(name, 0o644, source)
}

// libraries are the shared libraries at hand: name as programs ask for it → file.
type libraries struct {
	found map[string]string
}

func (l libraries) scan(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.so*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		resolved, err := filepath.EvalSymlinks(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // into a package that we do not have
		}
		if err != nil {
			return fmt.Errorf("find library: %w", err)
		}
		l.found[filepath.Base(f)] = resolved
	}
	return nil
}

// closure returns the names of all libraries that the binaries need, sorted.
func (l libraries) closure(binaries []string) ([]string, error) {
	needed := map[string]bool{}
	for len(binaries) > 0 {
		file := binaries[0]
		binaries = binaries[1:]
		names, err := importedLibraries(file)
		if err != nil {
			return nil, fmt.Errorf("read what %s needs: %w", filepath.Base(file), err)
		}
		for _, n := range names {
			if needed[n] {
				continue
			}
			if l.found[n] == "" {
				return nil, fmt.Errorf("%s needs %s, which no package of the image has", filepath.Base(file), n)
			}
			needed[n] = true
			binaries = append(binaries, l.found[n])
		}
	}
	var names []string
	for n := range needed {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

func importedLibraries(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ImportedLibraries()
}
