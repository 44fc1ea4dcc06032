package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSettingTheClockIsNoticed sets this machine's clock to what it shows: a step of nothing is one all the same.
func TestSettingTheClockIsNoticed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	steps, done := make(chan struct{}, 100), make(chan error, 1)
	go func() { done <- clockSteps(ctx, func() { steps <- struct{}{} }) }()
	for noticed, deadline := false, time.After(10*time.Second); !noticed; {
		var now unix.Timeval
		if err := unix.Gettimeofday(&now); err != nil {
			t.Fatal(err)
		}
		if err := unix.Settimeofday(&now); errors.Is(err, unix.EPERM) {
			t.Skip("this clock may not be set")
		} else if err != nil {
			t.Fatal(err)
		}
		select {
		case <-steps:
			noticed = true
		case <-time.After(200 * time.Millisecond): // the watch may have begun after the step
		case <-deadline:
			t.Fatal("the step was not noticed")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
