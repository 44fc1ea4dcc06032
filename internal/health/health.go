// Package health is the conversation between init and a service about whether the service does its work.
//
// Init gives each service one end of a stream socket pair as an inherited file descriptor, named in VIGIE_HEALTH_FD.
// It writes a question every two seconds; the service answers each from the state of its work:
//
//	init     ?\n
//	service  ok <progress>\n     progress: decimal uint64, a counter of useful work that never goes back
//	         bad <reason>\n      reason: one line for people
//
// The package owns the wording of these lines (Answer, ParseAnswer) and the service's side (Serve). It keeps no state.
// It must not answer from anything but the caller's check: a ticker that lives says nothing about work that does not.
// Because init links it, it imports neither package net nor anything that does.
package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// EnvFD is the environment variable with the number of the inherited descriptor.
	EnvFD = "VIGIE_HEALTH_FD"
	// Question is what init writes.
	Question = "?\n"
	// MaxLine is the longest answer with its newline, in bytes.
	MaxLine = 256
)

// Serve answers init's questions with what check says until ctx is cancelled (nil) or init's end is closed (an error).
// Questions are answered one after the other, so a check that hangs counts as no answer, which is what it means.
// Outside init (EnvFD not set) it only waits for ctx.
//
// The descriptor and the variable are taken over: programs that the service starts inherit neither.
func Serve(ctx context.Context, check func() (progress uint64, err error)) error {
	value := os.Getenv(EnvFD)
	if value == "" {
		<-ctx.Done()
		return nil
	}
	if err := os.Unsetenv(EnvFD); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 0 {
		return fmt.Errorf("health: %s=%q is no file descriptor", EnvFD, value)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("health: descriptor %d: %w", fd, err)
	}
	conn := os.NewFile(uintptr(fd), "health")
	defer conn.Close()
	return ServeConn(ctx, conn, check)
}

// Conn is one end of the socket pair: an *os.File in production.
type Conn interface {
	io.ReadWriter
	SetDeadline(t time.Time) error
}

// ServeConn is Serve on a connection that the caller owns and closes.
func ServeConn(ctx context.Context, conn Conn, check func() (progress uint64, err error)) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	questions := bufio.NewReaderSize(conn, 16)
	for {
		line, err := questions.ReadSlice('\n')
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return errors.New("health: init closed the connection")
		}
		if err != nil {
			return fmt.Errorf("health: read: %w", err)
		}
		if string(line) != Question {
			return fmt.Errorf("health: init asked %q", line)
		}
		progress, checkErr := check()
		if _, err := io.WriteString(conn, Answer(progress, checkErr)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("health: write: %w", err)
		}
	}
}

// Answer is the line, newline included, that says how the work goes. The reason of a failure is made one line of
// printable text and cut to fit MaxLine.
func Answer(progress uint64, err error) string {
	if err == nil {
		return "ok " + strconv.FormatUint(progress, 10) + "\n"
	}
	reason := strings.Join(strings.Fields(printable(err.Error())), " ")
	if reason == "" {
		reason = "no reason given"
	}
	if room := MaxLine - len("bad \n"); len(reason) > room {
		reason = strings.ToValidUTF8(reason[:room], "")
	}
	return "bad " + reason + "\n"
}

// ParseAnswer takes an answer without its newline apart. A good one has a progress and an empty reason.
func ParseAnswer(line string) (progress uint64, reason string, err error) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case len(line) >= MaxLine:
		return 0, "", fmt.Errorf("health: answer of %d bytes", len(line))
	case word == "ok":
		progress, err = strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return 0, "", fmt.Errorf("health: answer %q", line)
		}
		return progress, "", nil
	case word == "bad" && rest != "":
		return 0, printable(rest), nil
	}
	return 0, "", fmt.Errorf("health: answer %q", line)
}

// printable replaces what would upset a terminal or a log line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
