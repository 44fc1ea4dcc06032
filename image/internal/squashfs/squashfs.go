// Package squashfs writes a file tree as a squashfs. It goes through a tar stream, so that no file of this machine's disk
// lends its owner, mode or time: the same tree gives the same bytes.
package squashfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"vigie/image/internal/tree"
)

// Form is how the content is stored.
type Form int

const (
	// Compressed is blocks of zstd (level 15, the default): what the kernel reads.
	Compressed Form = iota
	// Plain is not compressed at all: what a boot loader reads, of content that is compressed already.
	Plain
)

func (f Form) arguments() []string {
	if f == Plain {
		return []string{"-noI", "-noD", "-noF", "-noX", "-b", "256K"}
	}
	return []string{"-comp", "zstd", "-b", "256K"}
}

// Write writes a tree, all times being when.
func Write(ctx context.Context, t *tree.Tree, out string, form Form, when time.Time) error {
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("remove old squashfs: %w", err)
	}
	args := append([]string{"-quiet", "-no-progress", "-no-xattrs", "-exit-on-error"}, form.arguments()...)
	cmd := exec.CommandContext(ctx, "sqfstar", append(args, "-all-root", "-root-mode", "0755", out)...)
	// Its options for time and owner of the root folder have no effect (squashfs-tools 4.5); -all-root and the variable
	// have.
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(when.Unix(), 10))
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("make squashfs: %w", err)
	}
	complaint := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = complaint, complaint
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("make squashfs: %w", err)
	}
	writeErr := t.WriteTar(pipe, when)
	closeErr := pipe.Close()
	// Either side's failure is the reason for the other's.
	if err := errors.Join(writeErr, closeErr, cmd.Wait()); err != nil {
		return fmt.Errorf("make squashfs: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return nil
}
