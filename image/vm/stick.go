package vm

import (
	"context"
	"encoding/json"
)

// PlugStick plugs a USB stick into the running machine, whose content is a file. It takes so many bytes a second; 0: as
// fast as it can. id is QEMU's, and the stick's serial number.
func (v *VM) PlugStick(ctx context.Context, id, file string, bytesPerSecond int64) error {
	group := map[string]any{"qom-type": "throttle-group", "id": id + "-group", "limits": map[string]any{"bps-write": bytesPerSecond}}
	node := map[string]any{"driver": "throttle", "node-name": id, "throttle-group": id + "-group",
		"file": map[string]any{"driver": "raw", "file": map[string]any{"driver": "file", "filename": file}}}
	device := map[string]any{"driver": "usb-storage", "bus": "xhci.0", "id": id, "drive": id, "serial": id, "removable": true}
	for _, step := range []struct {
		command   string
		arguments map[string]any
	}{{"object-add", group}, {"blockdev-add", node}, {"device_add", device}} {
		if err := v.Execute(ctx, step.command, step.arguments, nil); err != nil {
			return err
		}
	}
	return nil
}

// PullStick pulls a stick that was plugged in, whatever the machine is doing with it.
func (v *VM) PullStick(ctx context.Context, id string) error {
	before := v.eventCount()
	if err := v.Execute(ctx, "device_del", map[string]any{"id": id}, nil); err != nil {
		return err
	}
	if err := v.waitEvent(ctx, before, "DEVICE_DELETED", func(data json.RawMessage) bool {
		var deleted struct{ Device string }
		return json.Unmarshal(data, &deleted) == nil && deleted.Device == id
	}); err != nil {
		return err
	}
	if err := v.Execute(ctx, "blockdev-del", map[string]any{"node-name": id}, nil); err != nil {
		return err
	}
	return v.Execute(ctx, "object-del", map[string]any{"id": id + "-group"}, nil)
}
