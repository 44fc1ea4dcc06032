package storage

import (
	"strings"
	"testing"

	"vigie/services/system/internal/blockdev"
)

func TestItIsSaidThatNothingCanBeRecordedAndWhatToDo(t *testing.T) {
	l := lab(t)
	l.plug("sr0", l.loop(2*mib), 2*mib, func(d *blockdev.Disk) { d.Optical = true })
	stop := l.start()
	l.until("settled", settled)
	stop()
	if said := l.said.String(); !strings.Contains(said, "storage: no disk, so nothing can be recorded: put one in, at any time") {
		t.Errorf("without a disk: %q", said)
	}
	l = lab(t)
	l.plug("sda", l.loop(320*mib), 320*mib)
	stop = l.start()
	l.until("settled", settled)
	stop()
	if said := l.said.String(); !strings.Contains(said, "storage: no data volume, so nothing can be recorded: format a disk") {
		t.Errorf("with a blank disk: %q", said)
	}
}
