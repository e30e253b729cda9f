package scrub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/time/rate"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

// ScrubChunk is how much is read between two looks at the clock.
const ScrubChunk = 256 << 10

// Walk walks over the live files in the order of their IDs and reads each whole.
// It is for one goroutine at a time.
type Walk struct {
	limit *rate.Limiter // nil: none.
	chunk []byte

	after string    // ID of the file that was read last; "" before the first.
	began time.Time // Of this walk; zero before the first.
}

// NewWalk makes a scrub that reads at most so many bytes a second; 0: as fast as
// it goes.
func NewWalk(bytesPerSecond int64) *Walk {
	s := &Walk{chunk: make([]byte, ScrubChunk)}
	if bytesPerSecond > 0 {
		s.limit = rate.NewLimiter(rate.Limit(bytesPerSecond), ScrubChunk)
	}
	return s
}

// next is the live file after the one that was read last, or nil at the end of
// the walk. Files that come during a walk may be part of it or not.
func (s *Walk) next(snapshot *catalog.Snapshot) *catalog.File {
	var next *catalog.File
	for f := range snapshot.All() {
		if f.ID > s.after && (next == nil || f.ID < next.ID) {
			next = f
		}
	}
	return next
}

// Verdict is what reading one file told.
type Verdict struct {
	What  string // Damage, for people; "" is none.
	bytes int64  // Read.
}

// Read compares an object with what the catalog says of it. The error is for what
// kept it from looking.
func (s *Walk) Read(ctx context.Context, b bucket.Bucket, f *catalog.File) (v Verdict, err error) {
	o, err := b.Open(ctx, f.Name)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return Verdict{What: "its object is missing"}, nil
	case err != nil:
		return Verdict{}, fmt.Errorf("scrub %s: %w", f.Name, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() != f.Size {
		return Verdict{What: fmt.Sprintf("it has %d bytes, the catalog says %d", o.Size(), f.Size)}, nil
	}
	sum := sha256.New()
	r := io.NewSectionReader(o, 0, f.Size)
	for v.bytes < f.Size {
		chunk := s.chunk[:min(int64(len(s.chunk)), f.Size-v.bytes)]
		if err := s.wait(ctx, len(chunk)); err != nil {
			return v, fmt.Errorf("scrub %s: %w", f.Name, err)
		}
		if _, err := io.ReadFull(r, chunk); err != nil {
			return v, fmt.Errorf("scrub %s at byte %d: %w", f.Name, v.bytes, err)
		}
		sum.Write(chunk)
		v.bytes += int64(len(chunk))
	}
	if [sha256.Size]byte(sum.Sum(nil)) != f.SHA256 {
		v.What = "its bytes do not have the SHA-256 that the catalog says"
	}
	return v, nil
}

func (s *Walk) wait(ctx context.Context, n int) error {
	if s.limit == nil {
		return ctx.Err()
	}
	return s.limit.WaitN(ctx, n)
}
