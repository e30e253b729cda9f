package bench

// Requests makes the remote-write 1.0 requests of a Load on the fly, in the order
// of time. It is used by one goroutine.
type Requests struct{ shard *shard }

// NewRequests begins at the start of l, which must be set; size is the number of
// samples a request. Errors wrap series.ErrInvalid.
func NewRequests(l Load, size int) (*Requests, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	s, err := newShard(l, Protocol1, size, 0, 1)
	if err != nil {
		return nil, err
	}
	return &Requests{s}, nil
}

// Next returns the next request whose first sample is before step until, and how
// many samples it has; ok is false if there is none. The bytes are valid until
// the next call.
func (r *Requests) Next(until int) (body []byte, samples int, ok bool) {
	b, ok := r.shard.next(until)
	return b.bytes, b.samples, ok
}

// Headers are what a sender puts on each of them.
func (r *Requests) Headers() map[string]string { return Protocol1.headers() }
