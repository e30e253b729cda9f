package wal

import (
	"fmt"
	"time"
)

// keepBuffer bounds the memory in bytes that each of the two buffers keeps
// after a large group.
const keepBuffer = 4 << 20

// Sync returns nil once everything up to pos is written and fdatasync'd.
//
// Whoever waits when no one is writing becomes the leader: it takes all that is
// pending, writes it in one piece, syncs once, and wakes the others. What is
// enqueued meanwhile is the next group, with a leader from among its waiters.
func (s *Segment) Sync(pos int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pos > s.enqueued {
		panic(fmt.Sprintf("BUG: Sync to %d of wal segment %d, which ends at %d", pos, s.seq, s.enqueued))
	}
	for s.durable < pos {
		if s.err != nil {
			return s.err
		}
		s.step()
	}
	return nil
}

// step waits for the group that is being written, or else writes the next. It
// is called with mu held, and lets go of it meanwhile.
func (s *Segment) step() {
	if s.leading {
		s.wake.Wait()
		return
	}
	group, end, metrics := s.pending, s.enqueued, s.metrics
	s.pending, s.spare = s.spare[:0], nil
	s.leading = true

	s.mu.Unlock()
	err := s.write(group, metrics)
	s.mu.Lock()

	s.leading = false
	if err == nil {
		s.durable = end
	} else {
		s.err = err
		s.pending = nil
	}
	if cap(group) <= keepBuffer {
		s.spare = group
	}
	s.wake.Broadcast()
}

// write makes one group durable. There is no second try, see Segment.
func (s *Segment) write(group []byte, m *Metrics) error {
	start := time.Now()
	_, err := s.file.Write(group)
	if err != nil {
		m.failures.Inc()
		return fmt.Errorf("write to wal segment %d: %w", s.seq, err)
	}
	if err := s.file.Datasync(); err != nil {
		m.failures.Inc()
		return fmt.Errorf("sync wal segment %d: %w", s.seq, err)
	}
	m.bytes.Add(float64(len(group)))
	m.seconds.Observe(time.Since(start).Seconds())
	return nil
}
