package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/golang/snappy"

	"herringbone/storage/series"
)

// firstStep is what a body reserves when its first byte has come; then it
// doubles. A sender holds memory only in proportion to what it has sent.
const firstStep = 64 << 10

// readBody reads all of r into buf, reserving memory from l as it goes. most is
// the Content-Length, or the limit if there is none.
func readBody(ctx context.Context, r io.Reader, most int64, buf []byte, l *lease) ([]byte, error) {
	buf = slices.Grow(buf[:0], 1)
	n, err := readSome(r, buf[:1]) // Nothing is reserved before the first byte.
	buf = buf[:n]
	space := n
	for err == nil {
		if len(buf) == space {
			step := nextStep(space, most)
			if err := l.reserve(ctx, int64(step)); err != nil {
				return buf, err
			}
			buf = slices.Grow(buf, step)
			space += step
		}
		n, err = readSome(r, buf[len(buf):space])
		buf = buf[:len(buf)+n]
	}
	if err == io.EOF {
		return buf, nil
	}
	return buf, readError(err)
}

// nextStep is how much more a buffer of space bytes may grow: as much again, but no
// more than what is missing and one byte to see the end.
func nextStep(space int, most int64) int {
	return min(max(firstStep, space), int(max(0, most-int64(space)))+1)
}

// readSome reads at least one byte or returns an error.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// readError gives an error of reading a body its class. What is not known to be
// retryable is the sender's: its connection broke or its framing is wrong.
func readError(err error) error {
	if status, _ := statusOf(err); status != http.StatusInternalServerError {
		return fmt.Errorf("read body: %w", err)
	}
	return fmt.Errorf("read body: %w: %w", err, series.ErrInvalid)
}

// maxExpansion is more than any snappy block can grow: its best element is a
// copy of 64 bytes in 3.
const maxExpansion = 22

// decodedLen returns the length that body declares to have when decoded. It
// refuses a length that is over limit, or that the body cannot keep.
func decodedLen(body []byte, limit int64) (int64, error) {
	n, err := snappy.DecodedLen(body)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "body of %d bytes is not a snappy block: %v", len(body), err)
	}
	if int64(n) > limit {
		return 0, refuse(http.StatusBadRequest, "body decodes to %d bytes, at most %d are allowed", n, limit)
	}
	if n > maxExpansion*len(body) {
		return 0, refuse(http.StatusBadRequest, "body of %d bytes cannot decode to %d as it declares", len(body), n)
	}
	return int64(n), nil
}

// decompress decodes body, whose decodedLen is n, into buf if that is large
// enough.
func decompress(body, buf []byte, n int64) ([]byte, error) {
	if int64(cap(buf)) < n {
		buf = make([]byte, n, n+n/4) // Space for the next, slightly larger, body.
	}
	decoded, err := snappy.Decode(buf[:cap(buf)], body)
	if err != nil {
		return buf, refuse(http.StatusBadRequest, "body of %d bytes is not a snappy block: %v", len(body), err)
	}
	return decoded, nil
}
