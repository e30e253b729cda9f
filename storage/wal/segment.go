package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

var (
	// ErrTooLarge means that a record is longer than MaxRecord.
	ErrTooLarge = fmt.Errorf("record is longer than %d bytes: %w", MaxRecord, series.ErrInvalid)
	// ErrClosed means that the segment was closed before the call.
	ErrClosed = fmt.Errorf("wal segment is closed: %w", series.ErrNotReady)
)

// Segment is the end of the log: the one file that takes records.
//
// Positions are offsets in the file, in bytes. A record's position is its end,
// so a higher position includes every lower one.
//
// Failure: the first write or sync that fails ends the segment. From then on
// Enqueue, and Sync of what was not durable before, return that error; nothing
// is retried, because after a failed sync the kernel may have dropped the bytes
// it could not write. The records may or may not come back in a replay.
//
// Concurrency: every method may be called from any goroutine.
type Segment struct {
	file fsys.File
	seq  uint64
	salt uint64

	mu       sync.Mutex // Guards all below; never held during I/O.
	wake     *sync.Cond // Of mu: a group is done, well or badly.
	pending  []byte     // Frames that are not written yet.
	spare    []byte     // The buffer that pending does not use.
	enqueued int64      // Position after pending.
	durable  int64      // Position up to which a sync has succeeded.
	leading  bool       // A goroutine is writing the group before pending.
	closed   bool
	err      error
	metrics  *Metrics
}

// Create makes segment seq in dir, which must exist. It is durable when Create
// returns; fs.ErrExist if there is one already.
//
// The segment before must have been closed, because only the newest segment can
// have a torn tail; elsewhere it counts as damage.
func Create(files fsys.FS, dir string, seq uint64) (*Segment, error) {
	var salt [8]byte
	rand.Read(salt[:]) // Never fails.
	return create(files, dir, seq, binary.LittleEndian.Uint64(salt[:]))
}

func create(files fsys.FS, dir string, seq, salt uint64) (_ *Segment, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("create wal segment %d: %w", seq, err)
		}
	}()
	file, err := files.Create(filepath.Join(dir, Name(seq)))
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(appendHeader(nil, seq, salt)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := file.Datasync(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := files.SyncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("sync directory: %w", err), file.Close())
	}
	s := &Segment{file: file, seq: seq, salt: salt, enqueued: headerSize, durable: headerSize, metrics: NewMetrics(nil)}
	s.wake = sync.NewCond(&s.mu)
	return s, nil
}

// Seq is the segment's number.
func (s *Segment) Seq() uint64 { return s.seq }

// Enqueue copies rec to the end of the log, in memory, and returns its
// position. The order of calls is the order of the log. It does no I/O: until
// Sync, rec can be lost. The caller bounds what is enqueued and not synced.
func (s *Segment) Enqueue(rec []byte) (pos int64, err error) {
	if len(rec) > MaxRecord {
		return 0, fmt.Errorf("%d bytes: %w", len(rec), ErrTooLarge)
	}
	payload := checksum(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return 0, s.err
	case s.closed:
		return 0, ErrClosed
	}
	f := frame{length: len(rec), offset: s.enqueued, salt: s.salt, payload: payload}
	s.pending = append(f.append(s.pending), rec...)
	s.enqueued = f.end()
	return s.enqueued, nil
}

// Size is the length in bytes of the segment with all that was enqueued.
func (s *Segment) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enqueued
}

// Err is the error that ended the segment, or nil.
func (s *Segment) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Measure counts the segment's writes in m; call it before the first Sync.
func (s *Segment) Measure(m *Metrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics = m
}

// Close makes durable what was enqueued and lets go of the file. It returns the
// error that ended the segment, if one did. Closing again is harmless.
func (s *Segment) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for s.leading || s.err == nil && s.durable < s.enqueued {
		s.step()
	}
	if err := s.file.Close(); err != nil {
		return errors.Join(s.err, fmt.Errorf("close wal segment %d: %w", s.seq, err))
	}
	return s.err
}
