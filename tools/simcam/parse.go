package main

import (
	"fmt"
	"strconv"
	"strings"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
)

const cameraHelp = `key=value,... with the keys
  id       path and name; default camN
  codec    h264 (default), h265, mpeg4, mjpeg; vp8 to see it refused; none for a camera without picture
  size     WIDTHxHEIGHT, default 1280x720
  fps      1 to 100, default 25
  gop      frames from keyframe to keyframe, default two seconds
  bitrate  bits per second with k or M, default 2M; 0 lets the encoder choose
  label    text in the picture, default CAM N
  audio    aac, latm, opus, pcma, pcmu, g726-16, g726-24, g726-32, g726-40, none (default)
  user, pass   login to ask for
  login    how: basic, digest-md5, digest-sha256, several with + between; default basic+digest-md5
  nonce    for how many requests a digest login is good; default for all
  quirk        a way in which it differs from the standards: see simcam -quirks`

// parseCamera reads the description of camera number n (counted from 1).
func parseCamera(text string, n int) (rtspcam.Config, error) {
	cfg := rtspcam.Config{ID: fmt.Sprintf("cam%d", n)}
	v := content.Video{Codec: content.H264, Width: 1280, Height: 720, FPS: 25, Bitrate: 2_000_000, Label: fmt.Sprintf("CAM %d", n), Camera: n % 256}
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok {
			return cfg, fmt.Errorf("camera %q: %q is not key=value", text, item)
		}
		var err error
		switch key {
		case "id":
			cfg.ID = value
		case "codec":
			v.Codec = value
		case "size":
			w, h, _ := strings.Cut(value, "x")
			if v.Width, err = strconv.Atoi(w); err == nil {
				v.Height, err = strconv.Atoi(h)
			}
		case "fps":
			v.FPS, err = strconv.Atoi(value)
		case "gop":
			v.GOP, err = strconv.Atoi(value)
		case "bitrate":
			v.Bitrate, err = parseRate(value)
		case "label":
			v.Label = value
		case "audio":
			switch value {
			case "none":
				cfg.Audio = nil
			case content.AAC, content.LATM, content.Opus:
				cfg.Audio = &content.Audio{Codec: value, SampleRate: 48000, Channels: 1}
			default:
				cfg.Audio = &content.Audio{Codec: value, SampleRate: 8000, Channels: 1}
			}
		case "user":
			cfg.User = value
		case "pass":
			cfg.Pass = value
		case "login":
			cfg.Logins = strings.Split(value, "+")
		case "nonce":
			cfg.NonceUses, err = strconv.Atoi(value)
		case "quirk":
			cfg.Quirks, err = rtspcam.ParseQuirk(value)
		default:
			return cfg, fmt.Errorf("camera %q: unknown key %q", text, key)
		}
		if err != nil {
			return cfg, fmt.Errorf("camera %q: %s: %w", text, key, err)
		}
	}
	if v.GOP == 0 {
		v.GOP = 2 * v.FPS
	}
	if v.Codec == "none" {
		if cfg.Audio == nil {
			return cfg, fmt.Errorf("camera %q: neither picture nor sound", text)
		}
		return cfg, cfg.Audio.Check()
	}
	if err := v.Check(); err != nil {
		return cfg, fmt.Errorf("camera %q: %w", text, err)
	}
	cfg.Video = &v
	if cfg.Audio != nil {
		if err := cfg.Audio.Check(); err != nil {
			return cfg, fmt.Errorf("camera %q: %w", text, err)
		}
	}
	return cfg, nil
}

func parseRate(s string) (int, error) {
	unit := 1.0
	switch {
	case strings.HasSuffix(s, "k"):
		unit, s = 1e3, strings.TrimSuffix(s, "k")
	case strings.HasSuffix(s, "M"):
		unit, s = 1e6, strings.TrimSuffix(s, "M")
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f*unit > 1e9 {
		return 0, fmt.Errorf("%q is no bit rate", s)
	}
	return int(f * unit), nil
}
