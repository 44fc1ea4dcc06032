package relay

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// span is what a Range header asks for (RFC 2326 §12.29).
type span struct {
	clock    bool  // absolute, else normal play time, which counts from where a recording's address says
	from, to int64 // ns: UTC since the Unix epoch, or of play time; -1: not said
	now      bool  // from is "now"
}

var errSpan = errors.New("a range is clock=20260131T235959.5Z- or npt=0-")

// clockLayout is how an instant is told (RFC 2326 §3.7); a fraction may follow the seconds.
const clockLayout = "20060102T150405Z"

// parseSpan reads the value of a Range header. What follows a semicolon says when to begin, which is at once.
func parseSpan(text string) (span, error) {
	s := span{from: -1, to: -1}
	text, _, _ = strings.Cut(text, ";")
	unit, value, _ := strings.Cut(strings.TrimSpace(text), "=")
	from, to, dash := strings.Cut(value, "-")
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if !dash || from == "" && to == "" {
		return s, errSpan
	}
	parse := parsePlayTime
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "npt":
		if from == "now" {
			s.now, from = true, ""
		}
	case "clock":
		s.clock, parse = true, parseClock
	default:
		return s, errSpan
	}
	for _, one := range []struct {
		text string
		to   *int64
	}{{from, &s.from}, {to, &s.to}} {
		if one.text == "" {
			continue
		}
		ns, err := parse(one.text)
		if err != nil {
			return s, errSpan
		}
		*one.to = ns
	}
	return s, nil
}

// parseClock reads an instant. It is after 1970 and before 2200.
func parseClock(text string) (int64, error) {
	t, err := time.Parse(clockLayout, text) // which takes a fraction that the layout does not have
	if err != nil || t.Year() < 1970 || t.Year() >= 2200 {
		return 0, errSpan
	}
	return t.UnixNano(), nil
}

// clockText is an instant as parseClock reads it, to the millisecond.
func clockText(ns int64) string { return time.Unix(0, ns).UTC().Format("20060102T150405.000Z") }

// parsePlayTime reads seconds, or hours, minutes and seconds.
func parsePlayTime(text string) (int64, error) {
	var minutes uint64
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, errSpan
	}
	for _, p := range parts[:len(parts)-1] {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return 0, errSpan
		}
		minutes = minutes*60 + n
	}
	seconds, err := strconv.ParseFloat(parts[len(parts)-1], 64)
	if err != nil || !(seconds >= 0 && seconds < 1e8) {
		return 0, errSpan
	}
	return int64(minutes)*int64(time.Minute) + int64(seconds*float64(time.Second)), nil
}

// parseScale reads a Scale header (RFC 2326 §12.34).
func parseScale(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v >= slowest && v <= fastest || v <= -slowest && v >= -fastest) {
		return 0, false
	}
	return v, true
}

// The speeds at which recordings are played, forwards and backwards.
const (
	slowest = 1.0 / 16
	fastest = 256
)
