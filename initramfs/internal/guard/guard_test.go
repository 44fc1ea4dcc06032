package guard

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPanicBecomesAnErrorWithItsStackInTheLog(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	err := Run(log, "reader", func() { _ = []int{}[len(os.Args)] })
	if err == nil || !strings.Contains(err.Error(), "reader: panic: runtime error: index out of range") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "guard_test.go") {
		t.Errorf("no stack in %q", out.String())
	}
	if err := Run(log, "reader", func() {}); err != nil {
		t.Error(err)
	}
}

func TestGoSurvivesAPanic(t *testing.T) {
	var wg sync.WaitGroup
	Go(&wg, slog.New(slog.DiscardHandler), "x", func() { panic("boom") })
	wg.Wait()
}

func TestForeverBeginsAnewAfterPanicAndError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		var at []time.Duration
		start := time.Now()
		Forever(t.Context(), &wg, slog.New(slog.DiscardHandler), "x", time.Second, func(context.Context) error {
			at = append(at, time.Since(start))
			switch len(at) {
			case 1:
				panic("boom")
			case 2:
				return errors.New("lost")
			}
			return nil
		})
		wg.Wait()
		if len(at) != 3 || at[1] != time.Second || at[2] != 2*time.Second {
			t.Errorf("ran at %v", at)
		}
	})
}

func TestForeverEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		Forever(ctx, &wg, slog.New(slog.DiscardHandler), "x", time.Hour, func(context.Context) error { return errors.New("no") })
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}
