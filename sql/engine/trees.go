package engine

import (
	"sync"

	"herringbone/storage/series"
)

// trees remembers the parse trees of recent statements: dashboards repeat theirs,
// and parsing in the child takes as long as a small query.
type trees struct {
	mu    sync.Mutex
	known map[treeKey][]byte
	bytes int
}

type treeKey struct {
	tenant series.Tenant
	text   string
}

// maxTrees bounds the bytes of trees and texts that are remembered.
const maxTrees = 8 << 20

func newTrees() *trees { return &trees{known: map[treeKey][]byte{}} }

func (t *trees) get(k treeKey) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known[k]
}

func (t *trees) put(k treeKey, tree []byte) {
	size := len(tree) + len(k.text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if size > maxTrees/16 || t.known[k] != nil {
		return
	}
	if t.bytes+size > maxTrees {
		clear(t.known)
		t.bytes = 0
	}
	t.known[k] = tree
	t.bytes += size
}
