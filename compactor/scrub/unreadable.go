package scrub

import (
	"context"
	"fmt"
	"sync"

	"herringbone/storage/catalog"
)

// ReadsTried is how often in a row reading a file may fail before it is set aside
// like a damaged one. Once may be a cable; a sector that is lost fails for ever,
// and with it every job that has the file.
const ReadsTried = 3

// unread counts, for files that the disk could not read, how often in a row.
type unread struct {
	mu    sync.Mutex // Guards times.
	times map[string]int
}

func newUnread() *unread { return &unread{times: map[string]int{}} }

// failed counts a failure and reports whether these are enough now; then it
// begins anew.
func (u *unread) failed(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.times[id]++
	if u.times[id] < ReadsTried {
		return false
	}
	delete(u.times, id)
	return true
}

func (u *unread) succeeded(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.times, id)
}

// Unreadable acts on an error of the disk while f was read, and returns what
// people should know. The scrub acquits the file when it can be read again.
func (x *Scrubber) Unreadable(ctx context.Context, f *catalog.File, err error) error {
	known, asked := x.quarantine.has(ctx, f.ID)
	if asked != nil || known || !x.unread.failed(f.ID) {
		return err
	}
	return x.SetAside(ctx, f, fmt.Sprintf("the disk could not read it %d times in a row: %v", ReadsTried, err))
}
