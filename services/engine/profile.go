package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"time"
)

// heapEvery is between two profiles of memory.
const heapEvery = 10 * time.Second

// profile writes a CPU profile from now until stop is called, and profiles of memory meanwhile.
func profile(path string) (stop func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), f.Close())
	}
	ended := make(chan struct{})
	var heap sync.WaitGroup
	heap.Go(func() {
		tick := time.NewTicker(heapEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				var b bytes.Buffer
				if err := pprof.WriteHeapProfile(&b); err == nil {
					_ = os.WriteFile(path+".heap", b.Bytes(), 0o644) // a measurement's, that is looked at or not
				}
			}
		}
	})
	return func() error {
		close(ended)
		heap.Wait()
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
