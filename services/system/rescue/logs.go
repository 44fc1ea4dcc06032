package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/internal/initctl"
	"vigie/services/system/systemapi"
)

// The sockets of those who are asked.
const (
	systemSocket = "run/vigie/system/api.sock"
	initSocket   = "run/vigie/init/control.sock"
)

// askWithin is how long a disk may take to be mounted or let go of.
const askWithin = time.Minute

// logs copies the logs of all services and of the kernel, and a report of the machine, to a USB disk.
func (m *machine) logs(ctx context.Context, medium string) error {
	system := systemapi.New(filepath.Join(m.root, systemSocket))
	defer system.Close()
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if err := system.MountMedium(asking, medium); err != nil {
		return err
	}
	status, err := system.Status(asking)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(status.Media, func(x api.Medium) bool { return x.ID == medium && x.Path != "" })
	if at < 0 {
		return errors.New("the USB disk is not there any more")
	}
	folder := filepath.Join(filepath.Dir(status.Media[at].Path), "Vigie logs "+time.Now().UTC().Format("2006-01-02 15.04.05"))
	failed := m.write(ctx, folder, status)
	m.say("Ejecting the USB disk.")
	letting, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	if err := system.EjectMedium(letting, medium); err != nil {
		return errors.Join(failed, err)
	}
	if failed == nil {
		m.say("Done: they are in the folder %q. The USB disk can be pulled.", filepath.Base(folder))
	}
	return failed
}

// write makes the files. A log that cannot be had leaves a line that says why, and the others are there.
func (m *machine) write(ctx context.Context, folder string, status api.Status) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	report, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		return err
	}
	control := initctl.Client{Socket: filepath.Join(m.root, initSocket)}
	files := map[string]string{"report.json": string(report)}
	names := []string{"init"}
	if s, err := control.Status(ctx); err != nil {
		files["services.txt"] = "They are not known: " + err.Error()
	} else {
		for _, each := range s.Services {
			names = append(names, each.Name)
		}
	}
	for _, name := range names {
		lines, err := control.Log(ctx, name)
		if err != nil {
			lines = append(lines, "This log could not be had: "+err.Error())
		}
		files[name+".log"] = strings.Join(lines, "\n")
	}
	kernel, err := kernelLog(filepath.Join(m.root, "dev/kmsg"))
	if err != nil {
		kernel += "\nThe rest could not be had: " + err.Error()
	}
	files["kernel.log"] = kernel
	for name, text := range files {
		m.say("  %s", name)
		if err := synced(filepath.Join(folder, name), text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func synced(name, text string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, strings.TrimRight(text, "\n")+"\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// kernelLog is what the kernel has kept of what it said.
func kernelLog(device string) (string, error) {
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var b strings.Builder
	record := make([]byte, 8192)
	for {
		n, err := unix.Read(fd, record)
		switch {
		case errors.Is(err, unix.EPIPE): // overwritten meanwhile; the next is there
		case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
			return b.String(), nil
		case err != nil:
			return b.String(), err
		default:
			line, _, _ := strings.Cut(string(record[:n]), "\n")
			b.WriteString(line + "\n")
		}
	}
}
