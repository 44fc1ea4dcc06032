package clock

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNextSetHour(t *testing.T) {
	for _, c := range []struct {
		zone      string
		times     []string
		now, want string
	}{
		{"", []string{"03:30"}, "2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z"},
		{"", []string{"03:30"}, "2026-01-01T03:30:00Z", "2026-01-02T03:30:00Z"},
		{"", []string{"15:00", "03:30"}, "2026-01-01T03:30:01Z", "2026-01-01T15:00:00Z"},
		{"", []string{"15:00", "03:30"}, "2026-12-31T23:59:59Z", "2027-01-01T03:30:00Z"},
		{"Europe/Paris", []string{"00:15"}, "2026-01-01T23:00:00Z", "2026-01-01T23:15:00Z"},
		{"Europe/Paris", []string{"02:30"}, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"}, // has no 02:30
		{"Europe/Paris", []string{"02:30"}, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"}, // had two
		{"Pacific/Kiritimati", []string{"00:00"}, "2026-01-01T09:59:59Z", "2026-01-01T10:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseSchedule(c.times, c.zone).next(now).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s %v after %s: %s, want %s", c.zone, c.times, c.now, got, c.want)
		}
	}
}

// asked runs a keeper for two days from midnight in UTC and returns when its server was asked, to the minute.
func asked(t *testing.T, silent func(at time.Time) bool, change func(*Keeper, int)) (at []string) {
	synctest.Test(t, func(t *testing.T) {
		h := &hands{off: -time.Hour}
		truth := says(h, map[string]time.Duration{"a": 0, "b": 0})
		r := newRig(t, h, func(ctx context.Context, server string, burst int) (Sample, error) {
			if minute := h.Now().UTC().Format("2 15:04"); len(at) == 0 || at[len(at)-1] != minute {
				at = append(at, minute)
			}
			if silent != nil && silent(h.Now()) {
				return truth(ctx, "nobody", burst)
			}
			return truth(ctx, server, burst)
		})
		r.Configure(Settings{Servers: []string{"a"}, SetAt: []string{"03:30", "15:00"}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for hour := range 48 {
			if change != nil {
				change(r.Keeper, hour)
			}
			time.Sleep(time.Hour)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return at
}

func TestTheClockIsSetAtTheSetHoursOnly(t *testing.T) {
	// Off by an hour at the start, which is seen at once.
	if got, want := asked(t, nil, nil), []string{"31 23:00", "1 03:30", "1 15:00", "2 03:30", "2 15:00"}; !slices.Equal(got, want) {
		t.Errorf("asked at %q, want %q", got, want)
	}
}

func TestServersThatDoNotAnswerAtASetHourAreAskedForAWhile(t *testing.T) {
	got := asked(t, func(at time.Time) bool {
		return at.Day() == 1 && at.Hour() >= 3 && at.Hour() < 15 || at.Day() == 2 && at.Hour() == 3 && at.Minute() < 40
	}, nil)
	var other []string
	vain, late := 0, 0
	for _, at := range got {
		switch {
		case at >= "1 03:30" && at <= "1 04:31":
			vain++
		case at >= "2 03:30" && at <= "2 03:41":
			late++
		default:
			other = append(other, at)
		}
	}
	if want := []string{"31 23:00", "1 15:00", "2 15:00"}; !slices.Equal(other, want) || vain < 50 || late < 9 {
		t.Errorf("asked at %q; %d and %d times while it was silent", other, vain, late)
	}
}

func TestOtherServersAreAskedUntilTheyAnswer(t *testing.T) {
	got := asked(t, func(at time.Time) bool { return at.Day() == 1 && at.Hour() >= 20 && at.Hour() < 23 }, func(k *Keeper, hour int) {
		if hour == 20 {
			k.Configure(Settings{Servers: []string{"b"}, SetAt: []string{"03:30", "15:00"}})
		}
	})
	last := slices.DeleteFunc(got, func(at string) bool { return at > "1 20:01" && at < "1 22:58" })
	if n := len(got) - len(last); n < 100 || !slices.ContainsFunc(last, func(at string) bool { return at >= "1 23:00" && at < "1 23:02" }) || last[len(last)-2] != "2 03:30" {
		t.Errorf("asked at %q, and %d times more", last, n)
	}
}

func TestOtherServersAreAskedAtOnce(t *testing.T) {
	got := asked(t, nil, func(k *Keeper, hour int) {
		switch hour {
		case 20:
			k.Configure(Settings{Servers: []string{"b"}, SetAt: []string{"03:30", "15:00"}})
		case 30:
			k.Configure(Settings{Servers: []string{"b"}, SetAt: []string{"07:00"}})
		}
	})
	if want := []string{"31 23:00", "1 03:30", "1 15:00", "1 20:00", "2 03:30", "2 07:00"}; !slices.Equal(got, want) {
		t.Errorf("asked at %q, want %q", got, want)
	}
}
