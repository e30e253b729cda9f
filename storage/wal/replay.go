package wal

import (
	"errors"
	"fmt"
	"path/filepath"

	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// maxDamage bounds how many damaged stretches of a segment are listed and kept
// aside singly. The last one listed reaches to the end of the segment.
const maxDamage = 64

// Report says what a replay found in one segment.
type Report struct {
	Segment string // Path.
	Bytes   int64  // Length before a torn tail was cut.
	Records int    // That were given to the caller.

	Torn        *Damage  // Cut from the end of the newest segment, else nil.
	Damaged     []Damage // In the order of offsets.
	MoreDamaged int      // Stretches that are part of the last one listed.
}

// Damage is a stretch of a segment that holds no whole record. It is an error
// that wraps series.ErrCorrupt.
type Damage struct {
	Segment string // Path.
	Offset  int64
	Length  int64
	Cause   string // What was seen first.
	Aside   string // Path of a copy of the bytes; empty after Verify.
}

func (d Damage) Error() string {
	s := fmt.Sprintf("%s: %d bytes at offset %d: %s", d.Segment, d.Length, d.Offset, d.Cause)
	if d.Aside != "" {
		s += ", kept in " + d.Aside
	}
	return s
}

// Unwrap returns series.ErrCorrupt.
func (d Damage) Unwrap() error { return series.ErrCorrupt }

// Replay gives fn every record of segment seq, in the order of Enqueue. A record
// belongs to the caller only until fn returns. An error of fn ends the replay
// and is returned, wrapped; the segment is then as it was.
//
// The bytes that hold no whole record are copied to a file beside the segment.
// If the segment is the newest and they reach to its end they are its torn tail,
// and cut; everything else stays where it is until Remove. Both are durable when
// Replay returns. A replay may be repeated: it gives the same records.
//
// Memory: the longest record and a fixed buffer, whatever the segment's size.
//
// Errors: damage is not an error but part of the Report. An error means that
// the replay is not complete: bytes could not be read or kept aside,
// ErrVersion, or ErrForeign.
func Replay(files fsys.FS, dir string, seq uint64, newest bool, fn func(rec []byte) error) (Report, error) {
	return replay(files, dir, seq, newest, fn, func(e *evidence, d *Damage, infix string) (err error) {
		d.Aside, err = e.keep(infix, d.Offset, d.Length)
		if err == nil && infix == tornInfix {
			err = files.Truncate(d.Segment, d.Offset)
		}
		return err
	})
}

// Verify is Replay without a change of any file.
func Verify(files fsys.FS, dir string, seq uint64, newest bool, fn func(rec []byte) error) (Report, error) {
	return replay(files, dir, seq, newest, fn, func(*evidence, *Damage, string) error { return nil })
}

func replay(files fsys.FS, dir string, seq uint64, newest bool, fn func([]byte) error,
	secure func(*evidence, *Damage, string) error,
) (r Report, err error) {
	r.Segment = filepath.Join(dir, Name(seq))
	defer func() {
		if err != nil {
			err = fmt.Errorf("replay wal segment %s: %w", r.Segment, err)
		}
	}()
	file, err := files.Open(r.Segment)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if r.Bytes, err = file.Size(); err != nil {
		return r, err
	}
	e := &evidence{files: files, dir: dir, seq: seq, from: file}
	s := scan{window: window{file: file, size: r.Bytes}, seq: seq}
	s.record = func(rec []byte, _ int64) error {
		r.Records++
		return fn(rec)
	}
	s.damage = func(from, to int64, cause string) error {
		d := &Damage{Segment: r.Segment, Offset: from, Length: to - from, Cause: cause}
		if newest && to == r.Bytes {
			r.Torn = d
			return secure(e, d, tornInfix)
		}
		if d = r.list(d); d == nil {
			return nil
		}
		return secure(e, d, damagedInfix)
	}
	return r, s.run()
}

// list adds d to the listed damage and returns the entry, or nil if d is part
// of the last entry.
func (r *Report) list(d *Damage) *Damage {
	if len(r.Damaged) == maxDamage {
		r.MoreDamaged++
		return nil
	}
	if len(r.Damaged) == maxDamage-1 {
		d.Length = r.Bytes - d.Offset
		d.Cause += ", and more than can be listed after it"
	}
	r.Damaged = append(r.Damaged, *d)
	return &r.Damaged[len(r.Damaged)-1]
}
