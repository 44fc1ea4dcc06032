package vm

import (
	"context"
	"encoding/json"
	"fmt"
)

// A disk is a chain of QEMU's block nodes: the device that the guest sees, the format, and the file. Between the last
// two goes a node that fails, while a disk is to fail.
func (d *Disk) node() string       { return d.ID + "-format" }
func (d *Disk) fileNode() string   { return d.ID + "-file" }
func (d *Disk) faultyNode() string { return d.ID + "-faulty" }

// driver is the QEMU device of the disk.
func (d *Disk) driver() string {
	switch d.Bus {
	case AHCI, IDE:
		return "ide-hd"
	case SCSI, PVSCSI, MPTSAS:
		return "scsi-hd"
	case NVMe:
		return "nvme"
	}
	return "virtio-blk-pci"
}

func (v *VM) disk(id string) (*Disk, error) {
	for i := range v.cfg.Disks {
		if v.cfg.Disks[i].ID == id {
			return &v.cfg.Disks[i], nil
		}
	}
	return nil, fmt.Errorf("the machine was made without a disk %s", id)
}

// RemoveDisk asks the guest to let go of a disk and returns once it is out of the machine. The guest's kernel must take
// part, so it must be up. AHCI disks cannot be removed.
func (v *VM) RemoveDisk(ctx context.Context, disk string) error {
	before := v.eventCount()
	if err := v.Execute(ctx, "device_del", map[string]any{"id": disk}, nil); err != nil {
		return err
	}
	return v.waitEvent(ctx, before, "DEVICE_DELETED", func(data json.RawMessage) bool {
		var deleted struct{ Device string }
		return json.Unmarshal(data, &deleted) == nil && deleted.Device == disk
	})
}

// InsertDisk puts a disk back that was removed, with what is on it.
func (v *VM) InsertDisk(ctx context.Context, disk string) error {
	d, err := v.disk(disk)
	if err != nil {
		return err
	}
	return v.Execute(ctx, "device_add", map[string]any{
		"driver": d.driver(), "bus": d.slot, "id": d.ID, "drive": d.node(), "serial": d.Serial,
	}, nil)
}

// FailWrites makes each write to a disk fail from now on, as a broken one does (EIO), or succeed again. Reads go on. The
// disk's format must be raw: others keep tables of their own, which could not be written either.
func (v *VM) FailWrites(ctx context.Context, disk string, fail bool) error {
	d, err := v.disk(disk)
	if err != nil {
		return err
	}
	if d.Format != "raw" {
		return fmt.Errorf("disk %s is %s: only raw ones can fail", disk, d.Format)
	}
	v.faults.Lock()
	defer v.faults.Unlock()
	if fail == d.faulty {
		return nil
	}
	file := d.fileNode()
	if fail {
		file = d.faultyNode()
		const eio = 5
		var rules []map[string]any
		for _, kind := range []string{"write", "write-zeroes", "discard"} {
			rules = append(rules, map[string]any{"event": "none", "iotype": kind, "errno": eio, "once": false, "immediately": true})
		}
		err := v.Execute(ctx, "blockdev-add", map[string]any{
			"driver": "blkdebug", "node-name": file, "image": d.fileNode(), "discard": "unmap", "inject-error": rules,
		}, nil)
		if err != nil {
			return err
		}
	}
	format := map[string]any{"driver": d.Format, "node-name": d.node(), "discard": "unmap", "file": file}
	if err := v.Execute(ctx, "blockdev-reopen", map[string]any{"options": []any{format}}, nil); err != nil {
		return err
	}
	d.faulty = fail
	if fail {
		return nil
	}
	return v.Execute(ctx, "blockdev-del", map[string]any{"node-name": d.faultyNode()}, nil)
}

// SlowDisk has a disk read and write no more than so many bytes a second from now on; 0: as fast as it can.
func (v *VM) SlowDisk(ctx context.Context, disk string, bytesPerSecond int64) error {
	d, err := v.disk(disk)
	if err != nil {
		return err
	}
	device := d.ID
	if d.Bus == Virtio { // its part on the PCI bus is not the disk
		device = "/machine/peripheral/" + d.ID + "/virtio-backend"
	}
	return v.Execute(ctx, "block_set_io_throttle", map[string]any{
		"id": device, "bps": bytesPerSecond, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0,
	}, nil)
}
