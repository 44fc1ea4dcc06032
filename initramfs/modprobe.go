package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/kmod"
	"vigie/internal/bootopt"
)

// modprobe is /sbin/modprobe: the kernel calls it as "modprobe -q -- <name or alias>". Options other than that are
// taken for granted.
func modprobe(args []string, stderr io.Writer) (status int) {
	quiet := false
	var names []string
	for i, arg := range args {
		if arg == "--" {
			names = append(names, args[i+1:]...)
			break
		}
		if strings.HasPrefix(arg, "-") {
			quiet = quiet || arg == "-q"
			continue
		}
		names = append(names, arg)
	}
	if len(names) == 0 {
		fmt.Fprintln(stderr, "modprobe: no module named")
		return 2
	}
	loader, err := openLoader()
	if err != nil {
		fmt.Fprintln(stderr, "modprobe:", err)
		return 1
	}
	for _, name := range names {
		if err := loader.Load(name); err != nil {
			status = 1
			if !quiet || !errors.Is(err, kmod.ErrUnknown) {
				fmt.Fprintln(stderr, "modprobe:", err)
			}
		}
	}
	return status
}

// openLoader reads the index of the running kernel's modules and what the command line says about them.
func openLoader() (*kmod.Loader, error) {
	dir := filepath.Join("/lib/modules", kernelRelease())
	index, err := kmod.ReadIndex(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	var params []kmod.Param
	for _, p := range bootopt.ParseCommandLine(string(line)) {
		params = append(params, kmod.Param(p))
	}
	return kmod.NewLoader(dir, index, kmod.NewSettings(params)), nil
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
