package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"herringbone/storage/series"
)

// Finding is one thing that should not be.
type Finding struct {
	File string // ID of the file it is about, if it is about one.
	What string // For people.
}

// Check looks for damage: in the database, in each row, in what the rows must
// add up to, between the database and the snapshot, and for files above level 0
// that overlap. No findings is the good answer. The error is of the check
// itself.
func (c *Catalog) Check(ctx context.Context) ([]Finding, error) {
	lines, err := c.db.damage(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("check catalog: %w", err)
	}
	var in inspection
	for _, line := range lines {
		in.find("", "database: "+line)
	}
	err = c.db.look(ctx, func(t *tx) error { return in.read(ctx, t) })
	if errors.Is(err, series.ErrCorrupt) {
		in.find("", err.Error())
	} else if err != nil {
		return in.found, fmt.Errorf("check catalog: %w", err)
	}
	if s := c.Snapshot(); s.version == in.state.version && (s.live != in.state.live || s.digest != in.state.digest) {
		in.find("", "the files in memory are not those in the database")
	}
	if s := c.Snapshot(); s.version == in.state.version && s.tombstonesState != in.laid {
		in.find("", "the tombstones in memory are not those in the database")
	}
	in.overlaps()
	return in.found, nil
}

// inspection gathers findings.
type inspection struct {
	found []Finding
	state state
	laid  tombstonesState
	live  []*File
	// counted is what the rows add up to.
	counted state
}

func (in *inspection) find(file, what string) {
	in.found = append(in.found, Finding{File: file, What: what})
}

func (in *inspection) read(ctx context.Context, t *tx) (err error) {
	if in.state, err = readState(ctx, t); err != nil {
		return err
	}
	if err := eachRow(ctx, t, in.row, ``); err != nil {
		return err
	}
	for _, look := range []func(context.Context, *tx) error{in.tables, in.tombstones, in.orphanCandidates, in.quarantine} {
		if err := look(ctx, t); err != nil {
			return err
		}
	}
	if in.counted.live != in.state.live || in.counted.digest != in.state.digest {
		in.find("", fmt.Sprintf("%d live files with digest %08x, there should be %d with %08x",
			in.counted.live, in.counted.digest, in.state.live, in.state.digest))
	}
	if in.counted.version > in.state.version {
		in.find("", fmt.Sprintf("a row of version %d, the state is of %d", in.counted.version, in.state.version))
	}
	return in.positions(ctx, t)
}

func (in *inspection) tables(ctx context.Context, t *tx) error {
	st, err := readTablesState(ctx, t)
	if err != nil {
		return err
	}
	counted := tablesState{complete: st.complete}
	err = eachFact(ctx, t, math.MinInt64, func(f fact, err error) error {
		if err != nil && !errors.Is(classifyScan(err), series.ErrCorrupt) {
			return err
		}
		if err == nil {
			err = f.Validate()
		}
		if err != nil {
			in.find("", err.Error())
		}
		counted.add(f)
		in.counted.version = max(in.counted.version, f.changed)
		return nil
	})
	if err == nil && counted != st {
		in.find("", fmt.Sprintf("tables are %d rows with digest %08x, there should be %d with %08x", counted.rows, counted.digest, st.rows, st.digest))
	}
	return err
}

func (in *inspection) row(r *row, err error) error {
	if err != nil && !errors.Is(classifyScan(err), series.ErrCorrupt) {
		return err
	}
	f := &r.File
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		in.find(f.ID, err.Error())
	}
	in.counted.version = max(in.counted.version, r.changed, f.Seq, f.Clean)
	if r.deletedAt == 0 {
		in.counted.live++
		in.counted.digest += f.checksum()
		in.live = append(in.live, f)
	}
	return nil
}

func (in *inspection) positions(ctx context.Context, t *tx) error {
	rows, err := t.query(ctx, `SELECT node FROM wal_positions`)
	if err != nil {
		return fmt.Errorf("read log positions: %w", err)
	}
	var nodes []string
	for rows.Next() {
		var node string
		if err := rows.Scan(&node); err != nil {
			return errors.Join(err, rows.Close())
		}
		nodes = append(nodes, node)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read log positions: %w", err)
	}
	for _, node := range nodes {
		if _, err := readPosition(ctx, t, node); errors.Is(err, series.ErrCorrupt) {
			in.find("", err.Error())
		} else if err != nil {
			return err
		}
	}
	return nil
}

// overlaps finds files of one level above 0 of one partition that share times
// and metric names. The last name of one file may be the first of another: one
// metric's series may be in both, some here and some there.
func (in *inspection) overlaps() {
	place := func(a, b *File) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), comparePartKeys(a.part(), b.part()), cmp.Compare(a.Level, b.Level))
	}
	slices.SortFunc(in.live, func(a, b *File) int {
		return cmp.Or(place(a, b), cmp.Compare(a.MinT, b.MinT), cmp.Compare(a.ID, b.ID))
	})
	var open []*File // Files of b's place that end at or after its start.
	for _, b := range in.live {
		if b.Level == 0 {
			continue
		}
		open = slices.DeleteFunc(open, func(a *File) bool { return place(a, b) != 0 || a.MaxT < b.MinT })
		for _, a := range open {
			if unknown := a.MaxName == "" || b.MaxName == ""; unknown || a.MaxName > b.MinName && b.MaxName > a.MinName {
				in.find(b.ID, fmt.Sprintf("overlaps file %s of the same partition and level %d", a.ID, b.Level))
			}
		}
		open = append(open, b)
	}
}
