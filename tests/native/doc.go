// Package native proves the recording chain on real parts without a virtual machine: the engine as a process of its
// own, cameras over RTSP on loopback (simulated ones, and GStreamer's server), files in a folder, judged by ffmpeg
// and mkvtoolnix. Its tests have the build tag "whole", since they take minutes. Those whose
// cameras need little and that time nothing run side by side, at the end.
package native
