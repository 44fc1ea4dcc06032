package volume

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A file system grows when its device has so much more than it, in bytes; less is not worth an allocation group.
const worthGrowing = 32 * mib

// geometryV1 is the request XFS_IOC_FSGEOMETRY_V1 (linux/fs/xfs/libxfs/xfs_fs.h): _IOR('X', 100, 112 bytes), which begins
// with the size of a block, and has the number of blocks at 32.
const geometryV1, geometryBytes = 0x80705864, 112

// Extend has a mounted XFS use all of its device, which has so many bytes. It is used meanwhile.
func Extend(ctx context.Context, path string, deviceBytes int64) (grown bool, err error) {
	has, err := extent(path)
	if err != nil || deviceBytes-has < worthGrowing {
		return false, err
	}
	out, err := exec.CommandContext(ctx, "xfs_growfs", "-d", path).CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("xfs_growfs: %w: %s", err, firstLine(out))
	}
	return true, nil
}

// extent is how much of its device a mounted XFS uses, in bytes.
func extent(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var g [geometryBytes]byte
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), geometryV1, uintptr(unsafe.Pointer(&g))); errno != 0 {
		return 0, fmt.Errorf("ask the size of a file system: %w", errno)
	}
	return int64(binary.NativeEndian.Uint32(g[:])) * int64(binary.NativeEndian.Uint64(g[32:])), nil
}
