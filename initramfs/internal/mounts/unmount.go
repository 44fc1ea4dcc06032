package mounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/mountinfo"
)

// Below returns the targets at or below dir, the newest mount first, so that they can be unmounted in that order.
func Below(mounted []mountinfo.Mount, dir string) []string {
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
	giveUp := time.Now().Add(limit * 9 / 10)   // and still tell
	results := make(chan result, len(targets)) // room for all: the last may come when nobody listens any more
	for _, chain := range chains(targets) {
		go func() {
			for _, target := range chain {
				results <- result{target, patiently(target, giveUp, unmount)}
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

// retryEvery is the pause between two tries to unmount what is in use.
const retryEvery = 20 * time.Millisecond

// patiently unmounts target, which those who were killed just now may hold on to for a moment.
func patiently(target string, giveUp time.Time, unmount func(target string) error) error {
	for {
		err := unmount(target)
		if err != unix.EBUSY {
			return err
		}
		if !time.Now().Before(giveUp) {
			// Somebody survived: take it out of the tree, so that it is unmounted should the last user go yet.
			return errors.Join(errors.New("still in use"), unix.Unmount(target, unix.MNT_DETACH))
		}
		time.Sleep(retryEvery)
	}
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
