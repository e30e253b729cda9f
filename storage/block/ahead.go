package block

// aheadPages is how many page groups wait, decoded, for the scan to come by.
const aheadPages = 2

// ahead decodes page groups in a goroutine before a scan asks for them. A nil
// ahead has none. Its methods are called by the scan's goroutine.
type ahead struct {
	pages pageReader
	plan  []int // In rising order.
	next  int   // The element of plan that ready yields next.
	ready chan fetched
	spare chan *decoded
	stop  chan struct{}
}

type fetched struct {
	held
	err error
}

// Prefetch says that the given series will be read, in the order of Select, and
// begins to decode their pages on another processor. Series may be left out.
// It does nothing if it was called before or if there is little to read.
func (s *Scan) Prefetch(refs []Ref) {
	plan := s.plan(refs)
	if s.ahead != nil || len(plan) < 2 {
		return
	}
	s.ahead = &ahead{
		pages: pageReader{r: s.reader, reads: s.pages.reads},
		plan:  plan,
		ready: make(chan fetched, aheadPages),
		spare: make(chan *decoded, aheadPages+2),
		stop:  make(chan struct{}),
	}
	go s.ahead.run()
}

// plan lists the page groups of refs, each once.
func (s *Scan) plan(refs []Ref) []int {
	var plan []int
	for _, ref := range refs {
		for g := range s.groups(ref) {
			if n := len(plan); n == 0 || plan[n-1] < g {
				plan = append(plan, g)
			}
		}
	}
	return plan
}

// run fetches the plan until its end, an error or close.
func (a *ahead) run() {
	defer close(a.ready)
	defer a.pages.close()
	for _, g := range a.plan {
		var spare *decoded
		select {
		case <-a.stop:
			return
		case spare = <-a.spare:
		default:
		}
		h, err := a.pages.fetch(g, spare)
		select {
		case a.ready <- fetched{h, err}:
		case <-a.stop:
			a.drop(h)
			return
		}
		if err != nil {
			return
		}
	}
}

// take returns page group g if it is in the rest of the plan, letting go of
// those before it. ok is false if the caller must fetch it.
func (a *ahead) take(g int) (h held, ok bool, err error) {
	if a == nil {
		return held{}, false, nil
	}
	for a.next < len(a.plan) && a.plan[a.next] < g {
		a.next++
		a.drop((<-a.ready).held)
	}
	if a.next == len(a.plan) || a.plan[a.next] > g {
		return held{}, false, nil
	}
	a.next++
	f, open := <-a.ready
	if !open { // It stopped at an error of an earlier page.
		return held{}, false, nil
	}
	return f.held, true, f.err
}

// reuse keeps the memory of a page group; false if it does not want it.
func (a *ahead) reuse(d *decoded) bool {
	if a == nil {
		return false
	}
	select {
	case a.spare <- d:
		return true
	default:
		return false
	}
}

// drop lets go of a page group that nobody will ask for.
func (a *ahead) drop(h held) {
	switch {
	case h.entry != nil:
		a.pages.r.cache.give(h.entry)
	case h.page != nil:
		a.reuse(h.page)
	}
}

// close stops the goroutine and waits until it has ended.
func (a *ahead) close() {
	close(a.stop)
	for f := range a.ready {
		a.drop(f.held)
	}
}
