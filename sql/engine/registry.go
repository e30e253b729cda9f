package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/storage/series"
)

// remembered is the number of ended queries that system.queries shows, over all
// tenants.
const remembered = 200

// registry knows the queries that run and the last ones that ended.
type registry struct {
	mu     sync.Mutex
	last   int64
	active map[int64]*entry
	ended  []*entry // Oldest first.
}

// entry is one query in system.queries.
type entry struct {
	id     int64
	tenant series.Tenant
	sql    string
	began  time.Time
	rows   atomic.Int64
	bytes  atomic.Int64

	seconds float64 // Set when it ended, as are these:
	result  string
	message string
}

func newRegistry() *registry { return &registry{active: map[int64]*entry{}} }

func (r *registry) begin(tenant series.Tenant, sql string) *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e := &entry{id: r.last, tenant: tenant, sql: sql, began: time.Now()}
	r.active[e.id] = e
	return e
}

func (e *entry) add(b arrow.RecordBatch) {
	var n int64
	for _, c := range b.Columns() {
		n += int64(c.Data().SizeInBytes())
	}
	e.count(b.NumRows(), n)
}

func (e *entry) count(rows, bytes int64) {
	e.rows.Add(rows)
	e.bytes.Add(bytes)
}

func (r *registry) end(e *entry, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.seconds, e.result = time.Since(e.began).Seconds(), result(err)
	if err != nil {
		e.message = err.Error()
	}
	delete(r.active, e.id)
	r.ended = append(r.ended, e)
	if len(r.ended) > remembered {
		r.ended = r.ended[len(r.ended)-remembered:]
	}
}

// shownQuery is one row of system.queries.
type shownQuery struct {
	ID                  int64
	Began               int64 // Milliseconds.
	Seconds             float64
	State, SQL, Message string
	Rows, Bytes         int64
}

// of returns one tenant's queries: nobody sees another tenant's text.
func (r *registry) of(tenant series.Tenant) []shownQuery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []shownQuery
	show := func(e *entry, state string, seconds float64) {
		if e.tenant == tenant {
			out = append(out, shownQuery{
				ID: e.id, Began: e.began.UnixMilli(), Seconds: seconds, State: state, SQL: e.sql, Message: e.message,
				Rows: e.rows.Load(), Bytes: e.bytes.Load(),
			})
		}
	}
	for _, e := range r.ended {
		show(e, e.result, e.seconds)
	}
	for _, e := range r.active {
		show(e, "running", time.Since(e.began).Seconds())
	}
	return out
}
