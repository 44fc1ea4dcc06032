package system

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vigie/installer"
	"vigie/installer/layout"
	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/engine/engineapi"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/install"
	"vigie/services/system/internal/storage"
	"vigie/services/system/internal/update"
)

// lookWithin is for the other services to say how they are.
const lookWithin = 5 * time.Second

// updating is the machine around the updater.
type updating struct {
	*update.Updater
	board  *board.Board
	disks  *storage.Manager
	system string // id of the disk that the machine was started from
	engine *engineapi.Client
	web    *http.Client
}

func newUpdating(o options, b *board.Board, system string) *updating {
	return &updating{board: b, system: system, engine: engineapi.New(o.engine), web: &http.Client{
		Timeout: lookWithin,
		Transport: &http.Transport{
			// The machine's own certificate: that it answers is what is asked, and nothing is believed or told.
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives: true,
		},
	}}
}

// open opens the disk that the machine was started from.
func (u *updating) open(ctx context.Context) (*installer.Disk, io.Closer, error) {
	targets, err := u.disks.SystemDisks(ctx)
	why := []error{layout.ErrNoSystem, err}
	for _, t := range targets {
		d, closer, err := install.OpenSystem(t, u.system)
		if err == nil {
			return d, closer, nil
		}
		why = append(why, err)
	}
	return nil, nil, errors.Join(why...)
}

// medium mounts a USB disk and returns its top folder.
func (u *updating) medium(ctx context.Context, id string) (string, error) {
	if err := u.disks.MountMedium(ctx, id); err != nil {
		return "", err
	}
	for _, m := range u.board.Status().Media {
		if m.ID == id && m.Path != "" {
			return filepath.Dir(m.Path), nil
		}
	}
	return "", answer.Refuse(http.StatusNotFound, "no_medium", "There is no such USB disk; it may have been pulled. Plug it in again.")
}

// look is how the machine is.
func (u *updating) look(ctx context.Context) update.Seen {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	s := u.board.Status()
	seen := update.Seen{At: time.Now(), Services: s.Services, Volumes: s.Volumes, Settled: s.StorageSettled}
	if err := u.webAnswers(ctx, cmp.Or(s.WebPort, sysconfig.WebPort)); err != nil {
		seen.Web = err.Error()
	}
	var err error
	if seen.Cameras, err = u.engine.Cameras(ctx); err != nil {
		seen.Engine = err.Error()
	}
	return seen
}

func (u *updating) webAnswers(ctx context.Context, port int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(port))+"/api/v1/setup", nil)
	if err != nil {
		return err
	}
	resp, err := u.web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	var setup struct {
		Waiting bool `json:"waiting"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&setup); err != nil {
		return err
	}
	if setup.Waiting {
		return errors.New("it waits for the disks")
	}
	return nil
}

// uptime is how long ago the machine started.
func uptime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, fmt.Errorf("time since the start: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

func (u *updating) Update(context.Context) (api.Update, error) { return u.State(), nil }

func (u *updating) OfferUpdate(_ context.Context, parts []byte) (api.UpdateOffer, error) {
	return u.Offer(parts)
}

func (u *updating) FindUpdate(ctx context.Context, medium string) ([]api.UpdateOffer, error) {
	return u.Find(ctx, medium)
}

func (u *updating) SendUpdate(ctx context.Context, offer string, body io.Reader, size int64, by httpapi.Caller) error {
	return u.Write(ctx, offer, body, size, by.User)
}

func (u *updating) CopyUpdate(ctx context.Context, offer string, by httpapi.Caller) error {
	return u.Copy(ctx, offer, by.User)
}

func (u *updating) TryUpdate(ctx context.Context, r api.UpdateTry, by httpapi.Caller) error {
	return u.Try(ctx, r, by.User)
}

func (u *updating) CancelUpdate(context.Context) error { return u.Cancel() }
