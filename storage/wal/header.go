package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"herringbone/storage/series"
)

// FORMAT.md draws these bytes.
const (
	headerSize  = 32 // Of a segment.
	frameSize   = 32 // Of a frame's header.
	version     = 1
	headerMagic = "HBONEWAL"
	frameMagic  = "\xf7HBr"
)

// MaxRecord is the length in bytes of the longest record.
const MaxRecord = 64 << 20

// ErrVersion means that a segment was written by a newer version of this
// program.
var ErrVersion = fmt.Errorf("unknown format version: %w", series.ErrInvalid)

// ErrForeign means that a segment is whole but is not the one its name says.
var ErrForeign = fmt.Errorf("file was renamed or copied: %w", series.ErrCorrupt)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func appendHeader(b []byte, seq, salt uint64) []byte {
	from := len(b)
	b = append(b, headerMagic...)
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint64(b, salt)
	b = binary.LittleEndian.AppendUint32(b, version)
	return binary.LittleEndian.AppendUint32(b, checksum(b[from:]))
}

// parseHeader returns the salt of a segment's header; whole is false if the
// bytes were hit. A whole header that is not the one of segment seq is an error.
func parseHeader(b []byte, seq uint64) (salt uint64, whole bool, err error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic || binary.LittleEndian.Uint32(b[28:]) != checksum(b[:28]) {
		return 0, false, nil
	}
	if v := binary.LittleEndian.Uint32(b[24:]); v != version {
		return 0, true, fmt.Errorf("version %d: %w", v, ErrVersion)
	}
	if s := binary.LittleEndian.Uint64(b[8:]); s != seq {
		return 0, true, fmt.Errorf("header is of segment %d: %w", s, ErrForeign)
	}
	return binary.LittleEndian.Uint64(b[16:]), true, nil
}

// frame is the header of a record.
type frame struct {
	length  int    // Of the record.
	offset  int64  // Of this frame in its file.
	salt    uint64 // Of its segment.
	payload uint32 // Checksum of the record.
}

func (f frame) end() int64 { return f.offset + frameSize + int64(f.length) }

func (f frame) append(b []byte) []byte {
	from := len(b)
	b = append(b, frameMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(f.length))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.offset))
	b = binary.LittleEndian.AppendUint64(b, f.salt)
	b = binary.LittleEndian.AppendUint32(b, f.payload)
	return binary.LittleEndian.AppendUint32(b, checksum(b[from:]))
}

// parseFrame parses a frame's header that stands at offset; ok is false if
// these bytes are not one that was written there.
func parseFrame(b []byte, offset int64) (f frame, ok bool) {
	if len(b) < frameSize || string(b[:4]) != frameMagic || binary.LittleEndian.Uint32(b[28:]) != checksum(b[:28]) {
		return frame{}, false
	}
	f = frame{
		length:  int(binary.LittleEndian.Uint32(b[4:])),
		offset:  int64(binary.LittleEndian.Uint64(b[8:])),
		salt:    binary.LittleEndian.Uint64(b[16:]),
		payload: binary.LittleEndian.Uint32(b[24:]),
	}
	return f, f.offset == offset && f.length <= MaxRecord
}
