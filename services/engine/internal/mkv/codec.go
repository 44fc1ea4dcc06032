package mkv

import (
	"errors"
	"fmt"

	"vigie/services/engine/internal/media"
)

// form is how a codec goes into Matroska.
type form struct {
	id    string
	write func(t *media.Track) (private []byte, err error) // CodecPrivate; empty: the track has none
	read  func(private []byte, t *media.Track) error       // the inverse of write
	tag   uint16                                           // of the WAVEFORMATEX of A_MS/ACM, which G.711 and G.726 go as: RFC 9559 has neither
}

var forms = map[media.Codec]form{
	media.H264:    {id: "V_MPEG4/ISO/AVC", write: avcC, read: parseAVCC},
	media.H265:    {id: "V_MPEGH/ISO/HEVC", write: hvcC, read: parseHVCC},
	media.MPEG4:   {id: "V_MPEG4/ISO/ASP", write: config, read: parseConfig},
	media.MJPEG:   {id: "V_MJPEG", write: nothing, read: parseNothing},
	media.AAC:     {id: "A_AAC", write: config, read: parseConfig},
	media.Opus:    {id: "A_OPUS", write: opusHead, read: parseOpusHead},
	media.PCMA:    acmForm(0x0006),
	media.PCMU:    acmForm(0x0007),
	media.G726x16: acmForm(tagG726),
	media.G726x24: acmForm(tagG726),
	media.G726x32: acmForm(tagG726),
	media.G726x40: acmForm(tagG726),
}

// acmForm is that of audio in a WAVEFORMATEX with a tag.
func acmForm(tag uint16) form {
	return form{id: acm, tag: tag,
		write: func(t *media.Track) ([]byte, error) { return waveFormat(tag, t) },
		read:  parseNothing, // channels and rate stand in the track entry too
	}
}

const (
	acm     = "A_MS/ACM"
	tagG726 = 0x0045
)

// codecID returns Matroska's name of a track's codec and its CodecPrivate.
func codecID(t *media.Track) (id string, private []byte, err error) {
	f, ok := forms[t.Codec]
	if !ok {
		return "", nil, fmt.Errorf("codec %s cannot be stored", t.Codec)
	}
	private, err = f.write(t)
	return f.id, private, err
}

// setCodec fills a track from what codecID made.
func setCodec(t *media.Track, id string, private []byte) error {
	var err error
	if t.Codec, err = codecOf(id, private); err != nil {
		return err
	}
	return forms[t.Codec].read(private, t)
}

func codecOf(id string, private []byte) (media.Codec, error) {
	if id == acm {
		return acmCodec(private)
	}
	for codec, f := range forms {
		if f.id == id {
			return codec, nil
		}
	}
	return "", fmt.Errorf("codec %q is unknown", id)
}

func config(t *media.Track) ([]byte, error) {
	if len(t.Config) < 2 {
		return nil, fmt.Errorf("no configuration of %s", t.Codec)
	}
	return t.Config, nil
}

func parseConfig(private []byte, t *media.Track) error {
	if len(private) < 2 {
		return errors.New("CodecPrivate is too short")
	}
	t.Config = private
	return nil
}

func nothing(*media.Track) ([]byte, error) { return nil, nil }

func parseNothing([]byte, *media.Track) error { return nil }
