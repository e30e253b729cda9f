package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/golang/snappy"
	"golang.org/x/sync/errgroup"

	"herringbone/storage/series"
)

// body is one request, compressed and ready to send.
type body struct {
	bytes   []byte
	samples int
	step    int // Of its first sample.
}

// feed hands out the requests of one connection in time order. next returns
// false when there is none whose first sample is before step until; a later call
// with a greater until goes on. The bytes are valid until the next call.
type feed interface {
	next(until int) (body, bool)
}

// shard makes requests on the fly: all its series for one step, then the next
// step, cut every so many samples.
type shard struct {
	load    Load
	members []*member
	enc     encoder
	size    int // Samples a request.

	step, at int // The sample to come: step and index in members.
	packed   []byte
}

func newShard(l Load, p Protocol, size, index, shards int) (*shard, error) {
	enc, err := newEncoder(p)
	if err != nil {
		return nil, err
	}
	return &shard{load: l, members: fleet(l, index, shards), enc: enc, size: size}, nil
}

func (s *shard) next(until int) (body, bool) {
	until = min(until, s.load.Steps())
	if s.step >= until || len(s.members) == 0 {
		return body{}, false
	}
	b := body{step: s.step}
	for b.samples < s.size && s.step < s.load.Steps() {
		m := s.members[s.at]
		t := s.load.Start.UnixMilli() + int64(s.step)*s.load.Step.Milliseconds() + m.offset.Milliseconds()
		s.enc.add(m, t, m.signal.next())
		b.samples++
		if s.at++; s.at == len(s.members) {
			s.step, s.at = s.step+1, 0
		}
	}
	s.packed = snappy.Encode(s.packed[:cap(s.packed)], s.enc.request())
	b.bytes = s.packed
	return b, true
}

// stock is a shard whose requests were all made before.
type stock struct {
	bodies []body
	at     int
}

func (s *stock) next(until int) (body, bool) {
	if s.at == len(s.bodies) || s.bodies[s.at].step >= until {
		return body{}, false
	}
	s.at++
	return s.bodies[s.at-1], true
}

// kitchen hands out feeds, one a connection, that start from the beginning.
// With stocks they are made of requests prepared once; all targets then get the
// same bytes and the making costs nothing while the clock runs.
type kitchen struct {
	load   Load
	shape  Shape
	stocks [][]body // Nil: on the fly.
}

// newKitchen prepares the requests if the shape asks for it. Errors wrap
// series.ErrLimit if they would need more than Shape.MaxPrepared bytes.
func newKitchen(ctx context.Context, l Load, s Shape) (*kitchen, error) {
	k := &kitchen{load: l, shape: s}
	if !s.Pregenerate {
		return k, nil
	}
	k.stocks = make([][]body, s.Connections)
	var used atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range k.stocks {
		g.Go(func() (err error) {
			k.stocks[i], err = cook(ctx, l, s, i, &used)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("make requests: %w", err)
	}
	return k, nil
}

// cook makes all requests of one shard.
func cook(ctx context.Context, l Load, s Shape, index int, used *atomic.Int64) ([]body, error) {
	sh, err := newShard(l, s.Protocol, s.SamplesPerRequest, index, s.Connections)
	if err != nil {
		return nil, err
	}
	var bodies []body
	for ctx.Err() == nil {
		b, ok := sh.next(l.Steps())
		if !ok {
			return bodies, nil
		}
		if used.Add(int64(len(b.bytes))) > s.MaxPrepared {
			return nil, fmt.Errorf("prepared requests exceed %d bytes of memory; make them on the fly or raise the limit: %w",
				s.MaxPrepared, series.ErrLimit)
		}
		b.bytes = slices.Clone(b.bytes)
		bodies = append(bodies, b)
	}
	return nil, ctx.Err()
}

func (k *kitchen) feeds() ([]feed, error) {
	feeds := make([]feed, k.shape.Connections)
	for i := range feeds {
		if k.stocks != nil {
			feeds[i] = &stock{bodies: k.stocks[i]}
			continue
		}
		s, err := newShard(k.load, k.shape.Protocol, k.shape.SamplesPerRequest, i, k.shape.Connections)
		if err != nil {
			return nil, err
		}
		feeds[i] = s
	}
	return feeds, nil
}
