package wal

import (
	"bytes"
	"fmt"
)

// scan reads one segment from front to back.
type scan struct {
	window
	seq   uint64
	salt  uint64
	known bool // salt is known: from the header, or else from the first frame.

	// record gets every whole record, and where its frame starts.
	record func(rec []byte, offset int64) error
	// damage gets every stretch of bytes that is not a whole record, with what
	// was seen first in it. Neighbouring ones are one.
	damage func(from, to int64, cause string) error

	hit      bool // A stretch is open.
	from, to int64
	cause    string
}

func (s *scan) run() error {
	pos, err := s.header()
	for err == nil && pos < s.size {
		pos, err = s.next(pos)
	}
	if err != nil {
		return err
	}
	return s.closeDamage()
}

func (s *scan) header() (pos int64, err error) {
	if s.size == 0 {
		return 0, nil // Made, and lost power before its first byte.
	}
	b, err := s.bytes(0, headerSize)
	if err != nil {
		return 0, err
	}
	s.salt, s.known, err = parseHeader(b, s.seq)
	if err == nil && !s.known {
		err = s.addDamage(0, int64(len(b)), "segment header")
	}
	return int64(len(b)), err
}

// next handles what stands at pos and returns where it ends.
func (s *scan) next(pos int64) (int64, error) {
	f, ok, err := s.frame(pos)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		to, err := s.resync(pos + 1)
		if err != nil {
			return 0, err
		}
		return to, s.addDamage(pos, to, "record header")
	case f.end() > s.size:
		return s.size, s.addDamage(pos, s.size, "record cut short")
	}
	b, err := s.bytes(pos+frameSize, f.length)
	switch {
	case err != nil:
		return 0, err
	case checksum(b) != f.payload:
		// The header is whole, so its length can be trusted, and what looks like
		// a frame inside the record is not looked at.
		return f.end(), s.addDamage(pos, f.end(), "record checksum")
	}
	if err := s.closeDamage(); err != nil {
		return 0, err
	}
	if err := s.record(b, pos); err != nil {
		return 0, fmt.Errorf("record at offset %d: %w", pos, err)
	}
	return f.end(), nil
}

// frame parses the frame's header at pos.
func (s *scan) frame(pos int64) (f frame, ok bool, err error) {
	b, err := s.bytes(pos, frameSize)
	if err != nil {
		return frame{}, false, err
	}
	if f, ok = parseFrame(b, pos); !ok {
		return frame{}, false, nil
	}
	if !s.known {
		s.salt, s.known = f.salt, true
	}
	return f, f.salt == s.salt, nil
}

// resync returns the offset of the first frame's header at or after pos, or the
// end of the file.
func (s *scan) resync(pos int64) (int64, error) {
	for pos+frameSize <= s.size {
		b, err := s.rest(pos, frameSize)
		if err != nil {
			return 0, err
		}
		i := bytes.Index(b, []byte(frameMagic))
		if i < 0 {
			pos += int64(len(b) - len(frameMagic) + 1)
			continue
		}
		pos += int64(i)
		if _, ok, err := s.frame(pos); ok || err != nil {
			return pos, err
		}
		pos++
	}
	return s.size, nil
}

func (s *scan) addDamage(from, to int64, cause string) error {
	if s.hit && s.to == from {
		s.to = to
		return nil
	}
	err := s.closeDamage()
	s.hit, s.from, s.to, s.cause = true, from, to, cause
	return err
}

func (s *scan) closeDamage() error {
	if !s.hit {
		return nil
	}
	s.hit = false
	return s.damage(s.from, s.to, s.cause)
}
