package worker

import (
	"io"
	"sync"
)

// stderrHead keeps the beginning of what a child writes to stderr: what happened comes
// first, dumps after. The rest is read and dropped, so that the child never waits.
type stderrHead struct {
	mu   sync.Mutex // Guards kept.
	kept []byte
}

const keptBytes = 4 << 10

func (t *stderrHead) readAll(r io.Reader) {
	buf := make([]byte, 1<<10)
	for {
		n, err := r.Read(buf)
		t.mu.Lock()
		t.kept = append(t.kept, buf[:min(n, keptBytes-len(t.kept))]...)
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String returns what is kept.
func (t *stderrHead) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
