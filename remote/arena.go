package remote

import "slices"

// arena hands out byte slices that stay where they are until reset. Its blocks
// are kept for the next request.
type arena struct {
	blocks  [][]byte
	current int // Index of the block in use.
	reserve func(int64) error
}

const arenaBlock = 64 << 10

// reset takes all slices back. reserve is asked before each block is used.
func (a *arena) reset(reserve func(int64) error) {
	for i := range a.blocks {
		a.blocks[i] = a.blocks[i][:0]
	}
	a.current, a.reserve = -1, reserve
}

// take returns an empty slice of capacity n.
func (a *arena) take(n int) ([]byte, error) {
	if a.current < 0 || cap(a.blocks[a.current])-len(a.blocks[a.current]) < n {
		if err := a.next(n); err != nil {
			return nil, err
		}
	}
	b := a.blocks[a.current]
	from := len(b)
	a.blocks[a.current] = b[:from+n]
	return b[from : from : from+n], nil
}

// next moves on to a block with space for n bytes.
func (a *arena) next(n int) error {
	a.current++
	if a.current == len(a.blocks) {
		a.blocks = append(a.blocks, nil)
	}
	size := max(n, cap(a.blocks[a.current]), arenaBlock)
	if err := a.reserve(int64(size)); err != nil {
		a.current--
		return err
	}
	a.blocks[a.current] = slices.Grow(a.blocks[a.current], size)
	return nil
}

// size is the memory held, in bytes.
func (a *arena) size() int {
	n := 0
	for _, b := range a.blocks {
		n += cap(b)
	}
	return n
}
