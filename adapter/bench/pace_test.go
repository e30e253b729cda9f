package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestPaceHoldsTheFastBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(2, 10, 0)
		var at atomic.Int64
		go func() {
			for step := range 100 {
				if err := p.wait(context.Background(), 0, step); err != nil {
					t.Error(err)
				}
				at.Store(int64(step))
			}
		}()
		for _, slow := range []int{0, 7, 30} {
			if err := p.wait(context.Background(), 1, slow); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := at.Load(); got != int64(slow+10) {
				t.Errorf("with the slow one at %d the fast one is at %d", slow, got)
			}
		}
		p.done(1)
		synctest.Wait()
		if got := at.Load(); got != 99 {
			t.Errorf("with nobody slower the fast one stops at %d", got)
		}
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		p := newPace(2, 10, 0)
		ended := make(chan error)
		go func() { ended <- p.wait(ctx, 0, 50) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
