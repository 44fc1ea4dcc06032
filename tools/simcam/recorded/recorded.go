// Package recorded reads back what a file of video holds, through Debian's ffmpeg and ffprobe: programs that share
// no code with the recorder or with the simulated cameras.
package recorded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"vigie/tools/simcam/stamp"
)

// Track is one track of a file.
type Track struct {
	Kind    string `json:"codec_type"` // "video" or "audio"
	Codec   string `json:"codec_name"` // as ffprobe names it: h264, hevc, aac, pcm_alaw, pcm_mulaw
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Packets int
}

// Tracks reads the whole file and returns its tracks with the number of packets in each.
func Tracks(ctx context.Context, path string) ([]Track, error) {
	out, err := run(ctx, "ffprobe", "-v", "error", "-count_packets", "-of", "json",
		"-show_entries", "stream=codec_type,codec_name,width,height,nb_read_packets", path)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Streams []struct {
			Track
			Packets string `json:"nb_read_packets"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("ffprobe %s: %w", path, err)
	}
	var tracks []Track
	for _, s := range doc.Streams {
		n, err := strconv.Atoi(s.Packets)
		if err != nil {
			return nil, fmt.Errorf("ffprobe %s: packets: %w", path, err)
		}
		s.Track.Packets = n
		tracks = append(tracks, s.Track)
	}
	return tracks, nil
}

// Stamps returns the stamps of the file's video frames in the order of the file, and how many frames there are.
func Stamps(ctx context.Context, path string) (stamps []stamp.Stamp, frames int, err error) {
	tracks, err := Tracks(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	for _, t := range tracks {
		if t.Kind != "video" {
			continue
		}
		codec, raw := stamp.H264, "h264"
		switch t.Codec {
		case "h264":
		case "hevc":
			codec, raw = stamp.H265, "hevc"
		case "mpeg4":
			codec, raw = stamp.MPEG4, "m4v"
		case "mjpeg":
			codec, raw = stamp.MJPEG, "mjpeg"
		default:
			return nil, 0, fmt.Errorf("%s: video codec %s carries no stamps", path, t.Codec)
		}
		stamps, err := extract(ctx, path, raw, codec)
		return stamps, t.Packets, err
	}
	return nil, 0, fmt.Errorf("%s: no video track", path)
}

func extract(ctx context.Context, path, raw string, codec stamp.Codec) ([]stamp.Stamp, error) {
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-c", "copy", "-f", raw, "-")
	var diag bytes.Buffer
	cmd.Stderr = &diag
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe from ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ffmpeg: %w", err)
	}
	stamps, readErr := stamp.Read(out, codec)
	if readErr != nil {
		out.Close() // lets ffmpeg end
	}
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("ffmpeg %s: %w: %s", path, err, bytes.TrimSpace(diag.Bytes()))
	}
	return stamps, nil
}

// Complaints returns what mkvmerge and a full decode by ffmpeg say against a file; empty when both accept it.
func Complaints(ctx context.Context, path string) (string, error) {
	out, err := run(ctx, "mkvmerge", "--identify", "--identification-format", "json", path)
	if err != nil {
		return "", err
	}
	var id struct {
		Container struct {
			Recognized bool `json:"recognized"`
			Supported  bool `json:"supported"`
		} `json:"container"`
		Errors   []string `json:"errors"`
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal(out, &id); err != nil {
		return "", fmt.Errorf("mkvmerge %s: %w", path, err)
	}
	var b bytes.Buffer
	if !id.Container.Recognized || !id.Container.Supported {
		b.WriteString("mkvmerge does not take it for a file it knows\n")
	}
	for _, s := range append(id.Errors, id.Warnings...) {
		fmt.Fprintf(&b, "mkvmerge: %s\n", s)
	}
	// copying every packet makes mkvmerge walk the whole file; it wants to seek in what it writes
	copied, err := os.CreateTemp("", "judged*.mkv")
	if err != nil {
		return "", err
	}
	defer os.Remove(copied.Name())
	if err := copied.Close(); err != nil {
		return "", err
	}
	if out, err := run(ctx, "mkvmerge", "--quiet", "-o", copied.Name(), path); err != nil {
		fmt.Fprintf(&b, "mkvmerge: %v\n", err)
	} else if len(bytes.TrimSpace(out)) > 0 {
		fmt.Fprintf(&b, "mkvmerge: %s\n", bytes.TrimSpace(out))
	}
	// By itself ffmpeg counts in frames of the mean rate, and complains of two that come close together.
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-")
	diag, err := cmd.CombinedOutput()
	if err != nil {
		fmt.Fprintf(&b, "ffmpeg: %v\n", err)
	}
	for line := range strings.Lines(string(diag)) {
		// said of all G.711, whose header has no channel layout
		if !strings.HasPrefix(line, "Guessed Channel Layout") {
			fmt.Fprintf(&b, "ffmpeg: %s\n", strings.TrimSpace(line))
		}
	}
	return b.String(), nil
}

func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %v: %w: %s%s", name, args, err, bytes.TrimSpace(diag.Bytes()), bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), nil
}
