package mounts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Below returns the targets at or below dir, the newest mount first, so that they can be unmounted in that order.
func Below(mounted []Mounted, dir string) []string {
	var targets []string
	for _, m := range slices.Backward(mounted) {
		if m.Target == dir || strings.HasPrefix(m.Target, dir+"/") {
			targets = append(targets, m.Target)
		}
	}
	return targets
}

// Unmount unmounts the targets, all at once but for those that lie below one another, and returns within limit. A disk
// that no longer answers can hold its unmount for ever; the others are clean by then. The errors are by target; what
// was still going on at the limit is one of them.
//
// unmount is unix.Unmount with the flags 0, or a test's.
func Unmount(targets []string, limit time.Duration, unmount func(target string) error) map[string]error {
	type result struct {
		target string
		err    error
	}
	results := make(chan result, len(targets)) // room for all: the last may come when nobody listens any more
	for _, chain := range chains(targets) {
		go func() {
			for _, target := range chain {
				err := unmount(target)
				if err == unix.EBUSY {
					// Somebody survived: take it out of the tree, so that it is unmounted when the last user is gone.
					err = unix.Unmount(target, unix.MNT_DETACH)
				}
				results <- result{target, err}
			}
		}()
	}
	errs := map[string]error{}
	for _, target := range targets {
		errs[target] = fmt.Errorf("unmount %s: not done after %.1f s", target, limit.Seconds())
	}
	late := time.After(limit)
	for range targets {
		select {
		case r := <-results:
			delete(errs, r.target)
			if r.err != nil {
				errs[r.target] = fmt.Errorf("unmount %s: %w", r.target, r.err)
			}
		case <-late:
			return errs
		}
	}
	return errs
}

// chains splits targets, newest first, into runs that must go one after the other.
func chains(targets []string) [][]string {
	var all [][]string
next:
	for _, target := range targets {
		for i, chain := range all {
			for _, other := range chain {
				if strings.HasPrefix(other+"/", target+"/") || strings.HasPrefix(target+"/", other+"/") {
					all[i] = append(chain, target)
					continue next
				}
			}
		}
		all = append(all, []string{target})
	}
	return all
}
