package arp

import (
	"context"
	"errors"
	"testing"
	"time"

	"vigie/services/system/internal/netnstest"
)

// TestTheHolderOfAnAddressIsFound asks a kernel that has it.
func TestTheHolderOfAnAddressIsFound(t *testing.T) {
	here, there := netnstest.New(t, "here"), netnstest.New(t, "there")
	netnstest.Wire(t, here, "eth0", there, "eth0")
	here.Up(t, "eth0", "192.0.2.1/24")
	there.Up(t, "eth0", "192.0.2.7/24")
	mine, _ := MACOf(here.MAC(t, "eth0"))
	other, ok := MACOf(there.MAC(t, "eth0"))
	if !ok {
		t.Fatal("no MAC")
	}
	here.Do(t, func() error {
		holder, err := Holder(t.Context(), "eth0", mine, want)
		if holder != other {
			t.Errorf("%s has it, want %s", holder, other)
		}
		return err
	})
	here.Do(t, func() error {
		start := time.Now()
		holder, err := Holder(t.Context(), "eth0", mine, want.Next())
		if holder != (MAC{}) || time.Since(start) < 2*probeEvery+probeWait {
			t.Errorf("%s has an address that is nobody's, after %v", holder, time.Since(start))
		}
		return err
	})
	here.Do(t, func() error {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := Holder(ctx, "eth0", mine, want.Next()); !errors.Is(err, context.Canceled) {
			t.Errorf("a question that nobody waits for any more: %v", err)
		}
		_, err := Holder(t.Context(), "eth9", mine, want)
		if err == nil {
			t.Error("an interface that is not there was asked")
		}
		return Announce("eth0", mine, want)
	})
}
