package rootfs

import (
	"fmt"

	"vigie/image/internal/tree"
)

// The users and the group that DESIGN.md names.
const (
	passwd = `root:x:0:0:root:/:/usr/sbin/nologin
engine:x:901:900:recording engine:/:/usr/sbin/nologin
web:x:902:900:web admin:/:/usr/sbin/nologin
ntp:x:903:900:time server:/:/usr/sbin/nologin
console:x:904:900:text console:/:/usr/sbin/nologin
ssh:x:905:900:text console over the network:/:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
`
	group = `root:x:0:
vigie:x:900:
nogroup:x:65534:
`
	nsswitch = `passwd: files
group: files
hosts: files dns
networks: files
services: files
protocols: files
`
	hosts = `127.0.0.1	localhost
::1	localhost
`
)

// skeleton puts in folders, mount points and the fixed files of /etc.
func skeleton(t *tree.Tree, version string) {
	// One /usr, as Debian has it: programs find each other by either path.
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		t.Dir("usr/"+d, 0o755)
		t.Symlink(d, "usr/"+d)
	}
	for _, d := range []string{
		"dev", "proc", "sys", "run", "volumes", // mount points
		"state", "mnt", "boot", // for an installed machine's own partitions, and media that are looked into
		"etc", "var/lib", "usr/lib/firmware",
	} {
		t.Dir(d, 0o755)
	}
	t.Dir("tmp", 0o1777)
	t.Dir("root", 0o700)
	t.Symlink("var/run", "/run")
	t.Symlink("var/tmp", "/tmp")

	t.File("etc/passwd", 0o644, []byte(passwd))
	t.File("etc/group", 0o644, []byte(group))
	t.File("etc/nsswitch.conf", 0o644, []byte(nsswitch))
	t.File("etc/hosts", 0o644, []byte(hosts))
	t.Symlink("etc/resolv.conf", "/run/resolv.conf") // the system service writes it
	t.Symlink("etc/mtab", "/proc/self/mounts")
	t.File("usr/lib/os-release", 0o644, fmt.Appendf(nil, `NAME=Vigie
ID=vigie
ID_LIKE=debian
PRETTY_NAME="Vigie %[1]s"
VERSION_ID=%[1]s
`, version))
	t.Symlink("etc/os-release", "../usr/lib/os-release")
}
