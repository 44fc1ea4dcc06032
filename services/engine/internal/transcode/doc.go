// Package transcode makes JPEG pictures of video that a browser cannot decode: of H.265 where the browser has no decoder
// for it, of MPEG-4 part 2, which none has. It is the last resort, on demand and limited: a picture is decoded and coded
// again, where everything else in this program passes on what the camera sent.
//
// A Transcoder offers the streams of the cameras once more (source.Streams): each as a ring of Motion JPEG, with the sound
// as it is, at the same instants. While somebody watches one, a decoder process (package confine) runs for it, one for all
// who watch. Pictures are at most maxWidth x maxHeight, and at most about maxRate a second.
//
// The decoder is FFmpeg, given fragmented MP4 on its standard input. It writes JPEG files to its standard output, and to
// descriptor 3 a line before each: its time, and its length.
//
//	<pts> <numerator>/<denominator> <bytes>\n        pts in units of that many seconds, from the Unix epoch
//
// Invariants:
//   - Recording comes first: the decoder gets processor time that nobody else wants, and reads the stream as a lossy reader;
//     when it does not keep up, pictures are left out.
//   - What a decoder writes is not trusted: times and lengths are held against what was asked for, and a decoder that breaks
//     the rules, dies, or answers nothing for patience is ended and started anew, ever more slowly.
//   - At most Config.Most of each kind at a time; who comes then is told so.
//
// Still makes one picture of a keyframe, for pages and programs that want a JPEG of an instant. Convert makes Motion JPEG of
// recorded footage, picture by picture, for a player whose browser cannot decode it.
//
// Concurrency: all methods may be called from anywhere.
package transcode
