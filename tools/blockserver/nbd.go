package blockserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Numbers of the protocol.
const (
	magicServer   = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption   = 0x49484156454f5054 // "IHAVEOPT"
	magicReply    = 0x3e889045565a9
	magicRequest  = 0x25609513
	magicResponse = 0x67446698

	flagFixed, flagNoZeroes = 1, 2 // of the handshake

	optExportName, optAbort, optInfo, optGo = 1, 2, 6, 7

	repAck, repInfo           = 1, 3
	repUnsupported, repBroken = 1<<31 + 1, 1<<31 + 3
	infoExport                = 0

	sendsFlags, sendsFlush, sendsFUA, sendsTrim, sendsZeroes = 1, 4, 8, 32, 64

	cmdRead, cmdWrite, cmdDisconnect, cmdFlush, cmdTrim, cmdZeroes = 0, 1, 2, 3, 4, 6

	cmdFUA = 1

	errnoIO, errnoInvalid, errnoNoSpace = 5, 22, 28

	maxOption  = 64 << 10
	maxRequest = 64 << 20
)

// request is one command.
type request struct {
	flags, command uint16
	cookie         uint64
	offset         int64
	length         int64
}

const requestSize = 28

// parseRequest decodes the head of a request.
func parseRequest(b []byte) (r request, err error) {
	if len(b) < requestSize || binary.BigEndian.Uint32(b) != magicRequest {
		return r, errors.New("not a request")
	}
	r.flags, r.command = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	r.cookie = binary.BigEndian.Uint64(b[8:])
	offset := binary.BigEndian.Uint64(b[16:])
	r.length = int64(binary.BigEndian.Uint32(b[24:]))
	if offset > 1<<62 {
		return r, fmt.Errorf("request at offset %d", offset)
	}
	r.offset = int64(offset)
	if (r.command == cmdRead || r.command == cmdWrite) && r.length > maxRequest {
		return r, fmt.Errorf("request of %d bytes", r.length)
	}
	return r, nil
}

// option is one option of the handshake.
type option struct {
	number uint32
	data   []byte
}

// readOption reads an option.
func readOption(r io.Reader) (o option, err error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return o, err
	}
	if binary.BigEndian.Uint64(head[:]) != magicOption {
		return o, errors.New("not an option")
	}
	o.number = binary.BigEndian.Uint32(head[8:])
	n := binary.BigEndian.Uint32(head[12:])
	if n > maxOption {
		return o, fmt.Errorf("option of %d bytes", n)
	}
	o.data = make([]byte, n)
	_, err = io.ReadFull(r, o.data)
	return o, err
}

// export returns the name in the data of NBD_OPT_INFO and NBD_OPT_GO.
func (o option) export() (string, error) {
	if len(o.data) < 6 {
		return "", errors.New("option without a name")
	}
	n := binary.BigEndian.Uint32(o.data)
	if int64(n) > int64(len(o.data)-6) {
		return "", errors.New("name is longer than its option")
	}
	name, rest := string(o.data[4:4+n]), o.data[4+n:]
	if infos := int(binary.BigEndian.Uint16(rest)); len(rest) != 2+2*infos {
		return "", errors.New("option of a wrong length")
	}
	return name, nil
}

// handshake agrees on the disk; done is true when the client went away in order.
func handshake(c io.ReadWriter, size int64) (done bool, err error) {
	b := binary.BigEndian.AppendUint64(nil, magicServer)
	b = binary.BigEndian.AppendUint64(b, magicOption)
	b = binary.BigEndian.AppendUint16(b, flagFixed|flagNoZeroes)
	if _, err := c.Write(b); err != nil {
		return false, err
	}
	var flags [4]byte
	if _, err := io.ReadFull(c, flags[:]); err != nil {
		return false, err
	}
	plain := binary.BigEndian.Uint32(flags[:])&flagNoZeroes == 0
	about := binary.BigEndian.AppendUint64(nil, uint64(size))
	about = binary.BigEndian.AppendUint16(about, sendsFlags|sendsFlush|sendsFUA|sendsTrim|sendsZeroes)
	for {
		o, err := readOption(c)
		if err != nil {
			return false, err
		}
		reply := func(kind uint32, data []byte) error {
			b := binary.BigEndian.AppendUint64(nil, magicReply)
			b = binary.BigEndian.AppendUint32(b, o.number)
			b = binary.BigEndian.AppendUint32(b, kind)
			b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
			_, err := c.Write(append(b, data...))
			return err
		}
		switch o.number {
		case optExportName:
			if plain {
				about = append(about, make([]byte, 124)...)
			}
			_, err := c.Write(about)
			return false, err
		case optAbort:
			return true, reply(repAck, nil)
		case optInfo, optGo:
			if _, err := o.export(); err != nil {
				if err := reply(repBroken, nil); err != nil {
					return false, err
				}
				continue
			}
			if err := reply(repInfo, append([]byte{0, infoExport}, about...)); err != nil {
				return false, err
			}
			if err := reply(repAck, nil); err != nil || o.number == optGo {
				return false, err
			}
		default:
			if err := reply(repUnsupported, nil); err != nil {
				return false, err
			}
		}
	}
}
