package network

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pciAddress is a folder of a device on PCI: domain, bus, device and function (Documentation/PCI of the kernel).
var pciAddress = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)

// slot is where a card is, in the words of firmware and of lspci: the address on PCI of what it is nearest to, and its port where
// several share one (sysfs-class-net, dev_port). Interfaces that are made up are nowhere: "".
func slot(interfaces, device string) string {
	dir := filepath.Join(interfaces, device)
	path, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if err != nil {
		return ""
	}
	parts := strings.Split(path, "/")
	slices.Reverse(parts)
	i := slices.IndexFunc(parts, pciAddress.MatchString)
	if i < 0 {
		return ""
	}
	b, _ := os.ReadFile(filepath.Join(dir, "dev_port")) // kernels before 3.15 have none
	if port, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && port > 0 {
		return parts[i] + " port " + strconv.Itoa(port)
	}
	return parts[i]
}
