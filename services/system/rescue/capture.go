package rescue

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"vigie/services/system/internal/capture"
)

// Bounds of a capture: its file lies in the machine's memory, unless it is put on a disk.
const (
	captureTime  = time.Hour
	captureBytes = 64 << 20
)

// capture writes what a network card gets and sends to a new file, until it is given up. The card is named as the kernel names it, which
// is what the shell's other commands do.
func (m *machine) capture(ctx context.Context, card, path string) error {
	nic, err := net.InterfaceByName(card)
	if err != nil {
		return fmt.Errorf("there is no network card %q; there are %s", card, strings.Join(cards(), ", "))
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // once more when all went well
	m.say("Writing what %s gets and sends to %s, for %.0f minutes and %s at most. Ctrl-C ends it.", card, path, captureTime.Minutes(), amount(captureBytes))
	got, err := capture.Run(ctx, nic, capture.Filter{}, capture.Limits{Time: captureTime, Bytes: captureBytes}, file)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	m.say("%d packets are in the file; %d came too fast.", got.Packets, got.Dropped)
	return nil
}

func cards() []string {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}
