// Package decoder builds the program that turns video into JPEG pictures: FFmpeg, from Debian's source, with nothing in it
// but what that takes. It is one static file of a few megabytes: four decoders, one encoder, a scaler, and pipes. No
// network, no files, no other format: what is not in it cannot be attacked.
//
// It owns one folder, the cache: <key>/ffmpeg, the key being all that decides the bytes (the source, the options, the
// versions of compiler and assembler). A build takes two processors a minute or two, and is done once for each key.
//
// Licence: what is chosen is under the LGPL 2.1 or later, linked statically with the C library of the build machine; the
// manifest names the source.
package decoder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"vigie/image/internal/aptroot"
)

// Package is the name of the source package.
const Package = "ffmpeg"

// Licence is the file of the source that says under what terms it may be used.
const Licence = "debian/copyright"

// options are those of FFmpeg's configure.
var options = []string{
	"--disable-everything", "--disable-autodetect", "--disable-network", "--disable-doc", "--disable-debug",
	"--disable-ffplay", "--disable-ffprobe", "--disable-avdevice", "--disable-postproc",
	"--enable-decoder=h264,hevc,mpeg4,mjpeg", "--enable-parser=h264,hevc,mpeg4video,mjpeg",
	"--enable-demuxer=mov", "--enable-encoder=mjpeg", "--enable-muxer=mjpeg", "--enable-protocol=pipe",
	"--enable-filter=scale,select,format",
	"--extra-cflags=-static", "--extra-ldflags=-static", "--pkg-config=false",
}

// Build returns the path of the program, built if the cache has none of its key.
func Build(ctx context.Context, source aptroot.Source, cache string, log *slog.Logger) (string, error) {
	key, err := key(ctx, source)
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, key, "ffmpeg")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return "", fmt.Errorf("make cache of the decoder: %w", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(program), "build-")
	if err != nil {
		return "", fmt.Errorf("make folder to build the decoder in: %w", err)
	}
	defer os.RemoveAll(scratch)
	log.Info("building the decoder, once: this takes a minute or two", "version", source.Version)
	// A path within the build folder, the same everywhere: the program tells with which options it was configured.
	if err := os.Symlink(source.Dir, filepath.Join(scratch, "source")); err != nil {
		return "", fmt.Errorf("link source of the decoder: %w", err)
	}
	configure := append([]string{"source/configure"}, options...)
	for _, command := range [][]string{
		append([]string{"sh"}, configure...),
		{"make", "-s", "-j", fmt.Sprint(runtime.NumCPU()), "ffmpeg"},
	} {
		if err := run(ctx, scratch, command); err != nil {
			return "", err
		}
	}
	return program, os.Rename(filepath.Join(scratch, "ffmpeg"), program)
}

func run(ctx context.Context, dir string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "MAKEFLAGS=", "CFLAGS=", "LDFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the decoder: %s: %w: %s", command[0], err, tail(out, 20))
	}
	return nil
}

func tail(text []byte, lines int) string {
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// key names what is built from what.
func key(ctx context.Context, source aptroot.Source) (string, error) {
	h := sha256.New()
	io.WriteString(h, source.SHA256+"\n"+strings.Join(options, "\n"))
	for _, tool := range []string{"gcc", "nasm"} {
		out, err := exec.CommandContext(ctx, tool, "--version").Output()
		if err != nil {
			return "", fmt.Errorf("ask the version of %s, which builds the decoder: %w", tool, err)
		}
		h.Write(out)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
