package fsystest

import (
	"maps"
	"time"
)

// node is a file or a directory. Several names may lead to one file.
type node struct {
	dir      bool
	modified time.Time

	// Of a directory: what is visible, what is durable, and the changes that
	// lead from the second to the first.
	names   map[string]*node
	durable map[string]*node
	pending []change

	// Of a file: what is visible, what is durable, and from where on bytes were
	// written after the last attempt to sync. A failed sync moves dirtyFrom too:
	// like a kernel, the next sync does not write those bytes again.
	bytes     []byte
	synced    []byte
	dirtyFrom int
}

// change is one atomic change of a directory: names and what they lead to
// afterwards, nil if nothing.
type change map[string]*node

func newDir() *node {
	return &node{dir: true, modified: time.Now(), names: map[string]*node{}, durable: map[string]*node{}}
}

func newFile() *node { return &node{modified: time.Now()} }

func (n *node) apply(c change) {
	put(n.names, c)
	n.pending = append(n.pending, c)
	n.modified = time.Now()
}

func put(names map[string]*node, c change) {
	for name, to := range c {
		if to == nil {
			delete(names, name)
			continue
		}
		names[name] = to
	}
}

func (n *node) syncDir() {
	n.durable = maps.Clone(n.names)
	n.pending = nil
}

func (n *node) write(p []byte) {
	n.bytes = append(n.bytes, p...)
	n.modified = time.Now()
}

func (n *node) truncate(size int) {
	n.bytes = n.bytes[:size:size]
	n.dirtyFrom = min(n.dirtyFrom, size)
	n.modified = time.Now()
}

func (n *node) datasync() {
	n.synced = n.synced[:min(len(n.synced), len(n.bytes))]
	if gap := n.dirtyFrom - len(n.synced); gap > 0 { // A failed sync lost them.
		n.synced = append(n.synced, make([]byte, gap)...)
	}
	n.synced = append(n.synced[:n.dirtyFrom], n.bytes[n.dirtyFrom:]...)
	n.dirtyFrom = len(n.bytes)
}

// failSync is a sync that did not work: the bytes stay visible and not durable.
func (n *node) failSync() { n.dirtyFrom = len(n.bytes) }
