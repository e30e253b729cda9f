package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"herringbone/storage/series"
)

// fact is one row of the tables: what one edit added to a table.
type fact struct {
	Table
	changed int64 // Version of the edit.
	sum     uint32
}

const factColumns = `tenant, metric, changed, labels, histograms, starts, checksum`

func newFact(t Table, changed int64) (fact, []any, error) {
	names := t.Labels
	if names == nil {
		names = []string{}
	}
	list, err := json.Marshal(names)
	if err != nil {
		return fact{}, nil, fmt.Errorf("encode labels: %w", err)
	}
	f := fact{Table: t.shared(), changed: changed}
	f.sum = factChecksum(string(t.Tenant), t.Metric, string(list), number(t.Histograms), number(t.Starts), changed)
	return f, []any{string(t.Tenant), t.Metric, changed, string(list), number(t.Histograms), number(t.Starts), int64(f.sum)}, nil
}

func factChecksum(tenant, metric, labels string, histograms, starts, changed int64) uint32 {
	c := newChecksum()
	c.text(tenant, metric, labels)
	c.numbers(histograms, starts, changed)
	return c.sum()
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// shared returns t with texts that are one copy and nobody else's memory.
func (t Table) shared() Table {
	t.Tenant, t.Metric = series.Tenant(shared(string(t.Tenant))), shared(t.Metric)
	var labels []string
	for _, l := range t.Labels {
		labels = append(labels, shared(l))
	}
	t.Labels = labels
	return t
}

// scanFact reads the columns factColumns and checks them.
func scanFact(from scanner) (fact, error) {
	var tenant, metric, list string
	var changed, histograms, starts, sum int64
	if err := from.Scan(&tenant, &metric, &changed, &list, &histograms, &starts, &sum); err != nil {
		return fact{}, fmt.Errorf("read tables: %w", err)
	}
	f := fact{Table: Table{Tenant: series.Tenant(tenant), Metric: metric, Histograms: histograms != 0, Starts: starts != 0}, changed: changed}
	f.sum = factChecksum(tenant, metric, list, histograms, starts, changed)
	if int64(f.sum) != sum {
		return f, fmt.Errorf("row of table %.200q: its checksum is wrong: %w", metric, series.ErrCorrupt)
	}
	if err := json.Unmarshal([]byte(list), &f.Labels); err != nil {
		return f, fmt.Errorf("row of table %.200q: its labels: %w: %w", metric, err, series.ErrCorrupt)
	}
	f.Table = f.Table.shared()
	return f, nil
}

// eachFact visits the facts of edits after a version. Damage of a single row is
// given to the visitor, who decides.
func eachFact(ctx context.Context, t *tx, after int64, visit func(fact, error) error) error {
	rows, err := t.query(ctx, `SELECT `+factColumns+` FROM tables WHERE changed > ? ORDER BY changed`, after)
	if err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		f, err := scanFact(rows)
		if err := visit(f, err); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	return nil
}

// tablesState is what the facts must add up to.
type tablesState struct {
	rows     int64
	digest   uint32
	complete bool // They tell of every live file.
}

func (s tablesState) checksum() uint32 {
	var c checksum
	c.numbers(s.rows, int64(s.digest), number(s.complete))
	return c.sum()
}

func (s *tablesState) add(f fact) {
	s.rows++
	s.digest += f.sum
}

func readTablesState(ctx context.Context, t *tx) (tablesState, error) {
	var s tablesState
	var digest, complete, sum int64
	err := t.queryRow(ctx, `SELECT row_count, digest, complete, checksum FROM tables_state WHERE id = 1`).Scan(&s.rows, &digest, &complete, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, fmt.Errorf("state of tables: its row is missing: %w", series.ErrCorrupt)
	case err != nil:
		return s, fmt.Errorf("read state of tables: %w", err)
	}
	s.digest, s.complete = uint32(digest), complete != 0
	if int64(s.digest) != digest || number(s.complete) != complete || int64(s.checksum()) != sum {
		return s, fmt.Errorf("state of tables: its checksum is wrong: %w", series.ErrCorrupt)
	}
	return s, nil
}

func writeTablesState(ctx context.Context, t *tx, s tablesState) error {
	_, err := t.exec(ctx, `UPDATE tables_state SET row_count = ?, digest = ?, complete = ?, checksum = ? WHERE id = 1`,
		s.rows, int64(s.digest), number(s.complete), int64(s.checksum()))
	if err != nil {
		return fmt.Errorf("write state of tables: %w", err)
	}
	return nil
}

// tables writes what the edit's tables have beyond those that are known. Known
// is what this process has read: if another one told the same meanwhile, it is
// written twice, and the union is the same.
func (w *edition) tables(ctx context.Context, t *tx) error {
	var news []Table
	for i := range w.edit.Tables {
		known, _ := w.known.Table(w.edit.Tables[i].Tenant, w.edit.Tables[i].Metric)
		if n, ok := w.edit.Tables[i].beyond(known); ok {
			news = append(news, n)
		}
	}
	w.change.complete = w.edit.TablesComplete && !w.known.TablesComplete()
	if len(news) == 0 && !w.change.complete {
		return nil
	}
	st, err := readTablesState(ctx, t)
	if err != nil {
		return err
	}
	insert, err := t.prepare(ctx, `INSERT INTO tables (`+factColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("add tables: %w", err)
	}
	for _, n := range news {
		f, values, err := newFact(n, w.change.version)
		if err != nil {
			return fmt.Errorf("add table %.200q: %w", n.Metric, err)
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return fmt.Errorf("add table %.200q: %w", n.Metric, err)
		}
		st.add(f)
		w.change.facts = append(w.change.facts, f)
	}
	st.complete = st.complete || w.edit.TablesComplete
	return writeTablesState(ctx, t, st)
}

// Table returns the table of a metric as of the snapshot. It is shared: do not
// modify it.
func (s *Snapshot) Table(tenant series.Tenant, metric string) (*Table, bool) {
	list := s.tables[tenant]
	at, found := slices.BinarySearchFunc(list, &Table{Tenant: tenant, Metric: metric}, compareTables)
	if !found {
		return nil, false
	}
	return list[at], true
}

// Tables returns a tenant's tables, sorted by metric. The slice and what is in it
// are shared: do not modify them.
func (s *Snapshot) Tables(tenant series.Tenant) []*Table { return s.tables[tenant] }

// TablesComplete reports whether the tables tell of every live file. It is false
// for a catalog whose files were committed by a program that knew no tables,
// until an edit with Edit.TablesComplete.
func (s *Snapshot) TablesComplete() bool { return s.tablesState.complete }

// addFacts puts the facts into s, which nobody else has yet.
func (s *Snapshot) addFacts(facts []fact) {
	byTenant := map[series.Tenant][]*Table{}
	for i := range facts {
		s.tablesState.add(facts[i])
		byTenant[facts[i].Tenant] = append(byTenant[facts[i].Tenant], &facts[i].Table)
	}
	for tenant, news := range byTenant {
		slices.SortStableFunc(news, compareTables)
		s.tables[tenant] = mergeTables(s.tables[tenant], news)
	}
}
