package remote

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// poison overwrites every buffer that goes back to the pool.
func poison(r *request) {
	d := &r.decoder
	bytesOf := append([][]byte{r.body, r.decoded, d.scratch, d.last.refs}, d.keys.blocks...)
	for _, b := range bytesOf {
		b = b[:cap(b)]
		for i := range b {
			b[i] = 0xde
		}
	}
	for i := range d.batch.Samples[:cap(d.batch.Samples)] {
		d.batch.Samples[:cap(d.batch.Samples)][i] = series.Sample{T: -0xde, V: -0xde, Start: -0xde}
	}
	for i := range d.symbols.spans[:cap(d.symbols.spans)] {
		d.symbols.spans[:cap(d.symbols.spans)][i] = span{0xdededede, 0xdededede}
	}
}

// keeper keeps what Append hands over for good (histograms, exemplar labels,
// metadata), and reads the rest at the end of Append only.
type keeper struct {
	recorder
	histograms []series.Histogram
	exemplars  []series.Exemplar
	metadata   []series.Metadata
	texts      []string
}

func handedOver(h []series.Histogram, e []series.Exemplar, m []series.Metadata) (texts []string) {
	for _, v := range h {
		texts = append(texts, histogramText(v))
	}
	for _, v := range e {
		texts = append(texts, exemplarText(v))
	}
	for _, v := range m {
		texts = append(texts, fmt.Sprintf("%q", v))
	}
	return texts
}

func TestHandedOverOutlivesTheBuffers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	k := &keeper{}
	k.before = func(b *series.Batch) (*series.Written, error) {
		k.texts = append(k.texts, handedOver(b.Histograms, b.Exemplars, b.Metadata)...)
		k.histograms = append(k.histograms, b.Histograms...)
		k.exemplars, k.metadata = append(k.exemplars, b.Exemplars...), append(k.metadata, b.Metadata...)
		return nil, nil
	}
	h := testHandler(t, testOptions(k))
	h.scrub = poison
	for range 100 {
		post(h, typeOne, encode(t, randomOne(rng)))
		post(h, typeTwo, encode(t, randomTwo(rng)))
	}
	got := handedOver(k.histograms, k.exemplars, k.metadata)
	slices.Sort(got)
	slices.Sort(k.texts)
	if diff := cmp.Diff(k.texts, got); diff != "" || len(got) == 0 {
		t.Errorf("%d things handed over changed later:\n%.2000s", len(got), diff)
	}
}

// While one Append is at work, requests beside it use other buffers.
func TestConcurrentRequestsDoNotShareBuffers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	changed := 0
	gather := make(chan struct{})
	sink := &recorder{}
	sink.before = func(b *series.Batch) (*series.Written, error) {
		first := contentOf(b)
		select {
		case gather <- struct{}{}: // Wait for another request to be in the same place.
		case <-gather:
		}
		if !cmp.Equal(first, contentOf(b)) {
			mu.Lock()
			changed++
			mu.Unlock()
		}
		return nil, nil
	}
	h := testHandler(t, testOptions(sink))
	h.scrub = poison
	var want sync.Map
	var wg sync.WaitGroup
	for i := range 4 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for range 50 {
				body := encode(t, randomTwo(rng))
				var req writev2.Request
				if err := req.Unmarshal(body); err != nil {
					t.Error(err)
				}
				c := newOracle().two(&req)
				if len(c.Series)+len(c.Metadata) == 0 {
					continue
				}
				want.Store(fmt.Sprint(c.Series, slices.Compact(c.Metadata)), true)
				post(h, typeTwo, body)
			}
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	for open := true; open; {
		select {
		case <-gather:
		case <-finished:
			open = false
		}
	}
	for _, b := range sink.batches {
		if _, ok := want.Load(fmt.Sprint(b.Series, slices.Compact(b.Metadata))); !ok {
			t.Fatalf("sink got what nobody sent: %v", b.Series)
		}
	}
	if changed > 0 || len(sink.batches) == 0 {
		t.Errorf("%d of %d batches changed during Append", changed, len(sink.batches))
	}
}
