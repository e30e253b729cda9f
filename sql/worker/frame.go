package worker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// kind is the type of a message.
type kind byte

const (
	kindHello  kind = 'H'
	kindAST    kind = 'A'
	kindSQL    kind = 'S'
	kindExec   kind = 'E'
	kindLoad   kind = 'L'
	kindRows   kind = 'R'
	kindEnd    kind = 'Z'
	kindQuery  kind = 'Q'
	kindReset  kind = 'N'
	kindCancel kind = 'C'
	kindProbe  kind = 'T' // Tests only; see probe.

	kindOK   kind = 'k'
	kindFail kind = 'f'
	kindMeta kind = 'm'
	kindBody kind = 'b'

	moreBit = 0x80
)

const (
	headBytes    = 5
	maxFrame     = 256 << 10
	maxRequest   = 64 << 20 // A message of the parent: views over very many files are long.
	maxMeta      = 4 << 20
	maxBody      = 64 << 20
	maxAnswer    = 64 << 20
	maxFail      = 256 << 10
	socketBuffer = 128 << 10
)

// errProtocol is the other side not speaking the protocol.
var errProtocol = errors.New("protocol broken")

// frames reads and writes messages. Reading and writing are independent; each is
// for one goroutine at a time.
type frames struct {
	r *bufio.Reader
	w *bufio.Writer
}

func newFrames(socket io.ReadWriter) frames {
	return frames{bufio.NewReaderSize(socket, socketBuffer), bufio.NewWriterSize(socket, socketBuffer)}
}

// piece writes a piece of a message, in as many frames as it needs.
func (f frames) piece(k kind, payload []byte, more bool) error {
	for {
		n := min(len(payload), maxFrame)
		head := [headBytes]byte{byte(k)}
		if more || n < len(payload) {
			head[0] |= moreBit
		}
		binary.BigEndian.PutUint32(head[1:], uint32(n))
		if _, err := f.w.Write(head[:]); err != nil {
			return err
		}
		if _, err := f.w.Write(payload[:n]); err != nil {
			return err
		}
		if payload = payload[n:]; len(payload) == 0 {
			return nil
		}
	}
}

// send writes a message and flushes.
func (f frames) send(k kind, payload []byte) error {
	if err := f.piece(k, payload, false); err != nil {
		return err
	}
	return f.w.Flush()
}

// receive reads a message of at most limit(kind) bytes. Memory grows with what
// has arrived; hint is a guess of the length that the caller can afford.
func (f frames) receive(limit func(kind) int, hint int) (kind, []byte, error) {
	return f.receiveInto(limit, hint, nil)
}

// receiveInto is receive that uses the memory of payload again.
func (f frames) receiveInto(limit func(kind) int, hint int, payload []byte) (kind, []byte, error) {
	payload = payload[:0]
	for first := kind(0); ; {
		var head [headBytes]byte
		if _, err := io.ReadFull(f.r, head[:]); err != nil {
			return 0, nil, err
		}
		k, n := kind(head[0]&^moreBit), int(binary.BigEndian.Uint32(head[1:]))
		if first != 0 && k != first {
			return 0, nil, fmt.Errorf("message %c goes on as %c: %w", first, k, errProtocol)
		}
		first = k
		if n > maxFrame || len(payload)+n > limit(k) {
			return 0, nil, fmt.Errorf("message %c of more than %d bytes: %w", k, limit(k), errProtocol)
		}
		if payload == nil && head[0]&moreBit != 0 {
			payload = make([]byte, 0, max(hint, n))
		}
		old := len(payload)
		payload = slices.Grow(payload, n)[:old+n]
		if _, err := io.ReadFull(f.r, payload[old:]); err != nil {
			return 0, nil, err
		}
		if head[0]&moreBit == 0 {
			return k, payload, nil
		}
	}
}

// fromParent bounds what a child accepts.
func fromParent(kind) int { return maxRequest }

// fromChild bounds what the parent accepts.
func fromChild(k kind) int {
	switch k {
	case kindMeta:
		return maxMeta
	case kindBody:
		return maxBody
	case kindOK:
		return maxAnswer
	case kindFail:
		return maxFail
	}
	return -1
}
