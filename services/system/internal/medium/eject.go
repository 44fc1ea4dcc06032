package medium

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PowerOff stops a disk that is mounted no more, and takes its USB port's power where there is one: it may be pulled then.
// root is "/" but in tests. A disk that cannot be stopped is safe to pull all the same: what was written is on it.
func PowerOff(root, node, name string) error {
	err := stop(node)
	for dir, e := filepath.EvalSymlinks(filepath.Join(root, "sys/block", name)); e == nil && len(dir) > len(root)+len("sys/devices"); dir = filepath.Dir(dir) {
		if _, e := os.Stat(filepath.Join(dir, "idVendor")); e == nil { // the nearest ancestor that is a USB device
			return os.WriteFile(filepath.Join(dir, "remove"), []byte("1"), 0o200)
		}
	}
	return err
}

// sgIO is struct sg_io_hdr of <scsi/sg.h>.
type sgIO struct {
	interfaceID   int32
	direction     int32
	cmdLen        uint8
	maxSenseLen   uint8
	iovecCount    uint16
	dataLen       uint32
	data          uintptr
	cmd           unsafe.Pointer
	sense         unsafe.Pointer
	timeout       uint32 // ms
	flags         uint32
	packID        int32
	userData      uintptr
	status        uint8
	maskedStatus  uint8
	messageStatus uint8
	senseWritten  uint8
	hostStatus    uint16
	driverStatus  uint16
	residual      int32
	duration      uint32
	info          uint32
}

// stop has a SCSI disk write out what it holds itself, and spin down or let go of its medium (SBC-4 §5.26, SPC START STOP
// UNIT with LOEJ).
func stop(node string) error {
	f, err := os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := command(f, []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil { // SYNCHRONIZE CACHE(10)
		return err
	}
	return command(f, []byte{0x1b, 0, 0, 0, 0x02, 0})
}

func command(f *os.File, cmd []byte) error {
	const request, none = 0x2285, -1 // SG_IO, SG_DXFER_NONE
	var sense [32]byte
	h := sgIO{interfaceID: 'S', direction: none, cmdLen: uint8(len(cmd)), maxSenseLen: uint8(len(sense)),
		cmd: unsafe.Pointer(&cmd[0]), sense: unsafe.Pointer(&sense[0]), timeout: 20_000}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&h))); e != 0 {
			failed = e
		}
	}); err != nil {
		return err
	}
	runtime.KeepAlive(cmd)
	if failed != nil {
		return fmt.Errorf("SCSI command %#02x: %w", cmd[0], failed)
	}
	if h.status != 0 || h.hostStatus != 0 {
		return errors.New("the disk refuses to be stopped")
	}
	return nil
}
