package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"vigie/tools/simcam/picture"
)

// encodeVideo has ffmpeg encode the pictures of v; the result is in the codec's raw byte stream (VP8: IVF).
func encodeVideo(ctx context.Context, v Video) ([]byte, error) {
	args := []string{"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", v.Width, v.Height),
		"-r", strconv.Itoa(v.FPS), "-i", "-", "-an"}
	gop := strconv.Itoa(v.GOP)
	var rate []string
	if v.Bitrate > 0 {
		// what the encoder leaves is filled by padding, so it is asked for a little less than all; a small buffer
		// keeps keyframes from being many times the mean
		r := strconv.Itoa(v.Bitrate * 94 / 100)
		rate = []string{"-b:v", r, "-maxrate", r, "-bufsize", strconv.Itoa(v.Bitrate / 2)}
	}
	switch v.Codec {
	case H264:
		args = append(args, "-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-bf", "0", "-g", gop,
			"-keyint_min", gop, "-sc_threshold", "0", "-x264-params", "open-gop=0:scenecut=0:bframes=0")
		args = append(append(args, rate...), "-f", "h264")
	case H265:
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
			"log-level=error:open-gop=0:scenecut=0:bframes=0:repeat-headers=1:slices=1:keyint="+gop+":min-keyint="+gop)
		args = append(append(args, rate...), "-f", "hevc")
	case MPEG4:
		args = append(append(args, "-c:v", "mpeg4", "-bf", "0", "-g", gop, "-sc_threshold", "1000000000"), append(rate, "-f", "m4v")...)
	case MJPEG:
		// 4:2:0 in full range and the standard Huffman tables are what RTP can carry (RFC 2435)
		args = append(args, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "default", "-q:v", "5", "-f", "image2pipe")
	case VP8:
		args = append(args, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", gop, "-f", "ivf")
	}
	p := &picture.Painter{Width: v.Width, Height: v.Height, FPS: v.FPS, Label: v.Label, Camera: v.Camera}
	return ffmpeg(ctx, args, func(w io.Writer) error {
		buf := make([]byte, p.FrameSize())
		for i := range v.Frames() {
			p.Paint(buf, i)
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	})
}

// ffmpeg runs ffmpeg with args, feeds its standard input and returns its standard output.
func ffmpeg(ctx context.Context, args []string, feed func(io.Writer) error) ([]byte, error) {
	args = append(append([]string{"-hide_banner", "-nostdin", "-loglevel", "error", "-bitexact"}, args...), "-")
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ffmpeg (Debian package ffmpeg): %w", err)
	}
	feedErr := feed(in)
	in.Close() // its error would be feedErr's or ffmpeg's
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("ffmpeg %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(diag.Bytes()))
	}
	if feedErr != nil {
		return nil, fmt.Errorf("feed ffmpeg: %w", feedErr)
	}
	return out.Bytes(), nil
}
