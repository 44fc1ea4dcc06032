package uevent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

var messages = []struct {
	text string
	want Event
	bad  bool
}{
	{
		text: "add@/devices/pci0/0000:00:03.0\x00ACTION=add\x00DEVPATH=/devices/pci0/0000:00:03.0\x00SUBSYSTEM=pci\x00MODALIAS=pci:v00008086d0000100Esv*\x00SEQNUM=7\x00",
		want: Event{Action: "add", Path: "/devices/pci0/0000:00:03.0", Subsystem: "pci", Modalias: "pci:v00008086d0000100Esv*"},
	},
	{
		text: "add@/devices/x/event3\x00SUBSYSTEM=input\x00DEVNAME=input/event3\x00",
		want: Event{Action: "add", Path: "/devices/x/event3", Subsystem: "input", Name: "input/event3"},
	},
	{text: "remove@/x", want: Event{Action: "remove", Path: "/x"}},
	{text: "", bad: true},
	{text: "libudev\x00\xfe\xed\xca\xfe", bad: true},
	{text: "@/x", bad: true},
	{text: "add@x", bad: true},
}

func TestParse(t *testing.T) {
	for _, c := range messages {
		got, err := Parse([]byte(c.text))
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range messages {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		event, err := Parse(message)
		if err == nil && (event.Action == "" || event.Path == "") {
			t.Errorf("%q: %+v", message, event)
		}
	})
}

// device writes a modalias file as sysfs shows it.
func device(t *testing.T, sys, dir, modalias string) {
	t.Helper()
	path := filepath.Join(sys, dir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "modalias"), []byte(modalias+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestModaliasesOfBusesAndClasses(t *testing.T) {
	sys := t.TempDir()
	device(t, sys, "bus/pci/devices/0000:00:03.0", "pci:v1")
	device(t, sys, "bus/pci/devices/0000:00:04.0", "pci:v1")
	device(t, sys, "bus/usb/devices/1-0:1.0", "usb:v2")
	device(t, sys, "class/input/input3", "input:b0019")
	device(t, sys, "bus/acpi/devices/x", "")
	got, err := Modaliases(sys)
	if want := []string{"input:b0019", "pci:v1", "usb:v2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPlugLoadsColdAndHot uses a real netlink socket; what comes later is a sysfs "uevent" write on the loopback
// device, which the kernel answers with a real message.
func TestPlugLoadsColdAndHot(t *testing.T) {
	sys := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e", "hangs"} {
		device(t, sys, "bus/pci/devices/"+name, "pci:"+name)
	}
	socket, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	errNone := errors.New("none")
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	var mu sync.Mutex
	var loaded []string
	added := make(chan Event, 100)
	plug := NewPlug(slog.New(slog.DiscardHandler), sys, func(name string) error {
		switch name {
		case "pci:hangs":
			<-release
		case "pci:b":
			return errNone
		case "pci:c":
			panic("driver table broken")
		}
		mu.Lock()
		defer mu.Unlock()
		loaded = append(loaded, name)
		return nil
	}, errNone, func(e Event) { added <- e })
	done := make(chan error, 1)
	go func() { done <- plug.Run(ctx, socket) }()
	if n, settled := plug.Settled(ctx, time.Millisecond, 50*time.Millisecond); settled {
		t.Errorf("settled with %d while a driver hangs", n)
	}
	close(release)
	n, settled := plug.Settled(ctx, time.Millisecond, 10*time.Second)
	mu.Lock()
	slices.Sort(loaded)
	if want := []string{"pci:a", "pci:d", "pci:e", "pci:hangs"}; !settled || n != len(want) || !slices.Equal(loaded, want) {
		t.Errorf("settled %v, %d devices, loaded %q", settled, n, loaded)
	}
	mu.Unlock()
	if err := os.WriteFile("/sys/devices/virtual/mem/null/uevent", []byte("add"), 0); err != nil {
		t.Fatal(err)
	}
	late := time.After(10 * time.Second)
	for heard := false; !heard; {
		select {
		case e := <-added:
			heard = e.Name == "null" && e.Subsystem == "mem"
		case <-late:
			t.Fatal("no uevent")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
