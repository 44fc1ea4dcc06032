package system

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"vigie/internal/api"
	"vigie/internal/bootopt"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/internal/httpapi"
	"vigie/services/system/internal/unattended"
	"vigie/services/web/webapi"
)

const (
	// accountsWithin is how long web may take to know whether the machine has been set up; lookAgain is between two questions.
	accountsWithin = time.Minute
	lookAgain      = 500 * time.Millisecond
)

// unattendedMachine is what an answer file is done on: the parts that answer the API.
type unattendedMachine struct {
	*machine
	board    *board.Board
	given    bootopt.Options
	accounts *webapi.Client
}

// answerFile names who has changed something.
var answerFile = httpapi.Caller{User: "the answer file"}

func (u *unattendedMachine) Status() api.Status { return u.board.Status() }

func (u *unattendedMachine) Wait(ctx context.Context, after int64) api.Status {
	return u.board.Wait(ctx, after)
}

func (u *unattendedMachine) Files(ctx context.Context) []unattended.File {
	var out []unattended.File
	if u.given.Answer != nil {
		out = append(out, unattended.File{From: "boot option vigie.answer", Text: u.given.Answer, Logged: u.given.AnswerLogged})
	}
	for _, f := range u.disks.AnswerFiles(ctx, unattended.FileName, unattended.MaxBytes) {
		out = append(out, unattended.File{From: f.Where, Text: f.Text, Err: f.Err})
	}
	return out
}

// Taken goes by what the disks say first: another machine's accounts are not this one's to ask for.
func (u *unattendedMachine) Taken(ctx context.Context) (string, error) {
	if why := takenBy(u.Status()); why != "" {
		return why, nil
	}
	ctx, cancel := context.WithTimeout(ctx, accountsWithin)
	defer cancel()
	for {
		state, err := u.accounts.Console(ctx)
		switch {
		case err == nil && state.Opened && state.SetupCode == "":
			return "The machine has an administrator already.", nil
		case err == nil && state.Opened:
			return "", nil
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(errors.New("the web service does not say"), err)
		case <-time.After(lookAgain):
		}
	}
}

// takenBy says whose disks are there, if they are another's, or have settings or recordings of a Vigie.
func takenBy(s api.Status) string {
	for _, d := range s.Disks {
		if d.Use == api.DiskUseSystem {
			return fmt.Sprintf("Vigie is installed on disk %s.", d.Serial)
		}
	}
	for _, a := range s.Arrays {
		if a.Status != api.ArrayStatusRunning && a.Status != api.ArrayStatusDegraded {
			return fmt.Sprintf("The array %s does not run, so that nobody knows what is on it.", a.Name)
		}
	}
	for _, v := range s.Volumes {
		switch {
		case v.Machine != "":
			return fmt.Sprintf("The data volume %s is another Vigie's.", v.Name)
		case v.Status != api.VolumeStatusMounted:
			return fmt.Sprintf("The data volume %s cannot be used, so that nobody knows what is on it.", v.Name)
		}
		for what, pattern := range map[string]string{"settings": "vigie/machine/config*.json", "recordings": "vigie/rec/*"} {
			if found, err := filepath.Glob(filepath.Join(v.Path, pattern)); err != nil || len(found) > 0 {
				return fmt.Sprintf("The data volume %s has %s of a Vigie.", v.Name, what)
			}
		}
	}
	return ""
}

func (u *unattendedMachine) SetUp(ctx context.Context, a webapi.FirstAccount) error {
	return u.accounts.SetUp(ctx, a)
}

// Judge has the network planned as for the web admin.
func (u *unattendedMachine) Judge(ctx context.Context, hostname string, n sysconfig.Network) (warnings []string, err error) {
	settings, err := settingsOf(hostname, n)
	if err != nil {
		return nil, err
	}
	plan, err := u.PutNetwork(ctx, api.NetworkRequest{Settings: settings, DryRun: true}, answerFile)
	for _, step := range plan.Steps {
		if step.Kind == api.PlanStepKindWarning {
			warnings = append(warnings, step.Text)
		}
	}
	return warnings, err
}

// Configure changes the settings as the web admin does. Nobody is there who could lose his way: the trial is confirmed at once.
func (u *unattendedMachine) Configure(ctx context.Context, hostname string, n sysconfig.Network, zone string) error {
	if err := u.SetClock(ctx, api.ClockRequest{NtpServers: u.keeper.Config().NTPServers, TimeZone: &zone}); err != nil {
		return err
	}
	settings, err := settingsOf(hostname, n)
	if err != nil {
		return err
	}
	if _, err := u.PutNetwork(ctx, api.NetworkRequest{Settings: settings}, answerFile); err != nil {
		return err
	}
	return u.ConfirmNetwork(ctx, answerFile)
}
