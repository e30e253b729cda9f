package status

import (
	"context"
	"errors"
	"net/http"
	"time"

	"herringbone/compactor/retention"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// ReceiptsLimit bounds the list of receipts.
const ReceiptsLimit = 1000

// Receipts is where receipts of deletes are found: a catalog.
type Receipts interface {
	// Receipt returns one by its ID, or an error that wraps catalog.ErrUnknown.
	Receipt(ctx context.Context, id string) (catalog.Tombstone, error)
	// Receipts returns up to limit, newest first.
	Receipts(ctx context.Context, limit int) ([]catalog.Tombstone, error)
}

// ReceiptRecord is the receipt of a delete.
type ReceiptRecord struct {
	ID       string     `json:"id"`
	Tenant   string     `json:"tenant"`
	State    string     `json:"state"` // hidden, purged.
	Matchers string     `json:"matchers"`
	Start    *time.Time `json:"start"` // nil: from the beginning.
	End      *time.Time `json:"end"`   // nil: without end.
	Created  time.Time  `json:"created"`
	Done     *time.Time `json:"done"` // When it had nothing left to hide.

	RowsHidden     int64 `json:"rows_hidden"`
	RowsPurged     int64 `json:"rows_purged"` // Without those that expired with their whole file.
	FilesRewritten int64 `json:"files_rewritten"`
}

// ReceiptOf is what people are shown of a delete.
func ReceiptOf(t *catalog.Tombstone) ReceiptRecord {
	r := ReceiptRecord{
		ID: t.ID, Tenant: string(t.Tenant), State: "hidden", Matchers: retention.SelectorText(t.Matchers),
		Start: calendar(t.MinT), End: calendar(t.MaxT), Created: time.UnixMilli(t.Created).UTC(),
		RowsHidden: t.Hidden, RowsPurged: t.Purged, FilesRewritten: t.Rewritten,
	}
	if t.Done != 0 {
		r.State, r.Done = "purged", calendar(t.Done)
	}
	return r
}

// DeletesHandler answers GET /api/v1/admin/deletes with the receipts of a
// tenant, newest first, and GET /api/v1/admin/deletes/{id} with one. Whose
// request it is says tenant; another's receipts are not known to it.
func Deletes(from Receipts, tenant func(*http.Request) (series.Tenant, error)) http.Handler {
	d := deletes{from: from, tenant: tenant}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/admin/deletes", d.list)
	mux.HandleFunc("GET /api/v1/admin/deletes/{id}", d.one)
	return mux
}

type deletes struct {
	from   Receipts
	tenant func(*http.Request) (series.Tenant, error)
}

func (d deletes) list(w http.ResponseWriter, r *http.Request) {
	t, err := d.tenant(r)
	if err != nil {
		respondError(w, http.StatusBadRequest, "bad_data", err)
		return
	}
	all, err := d.from.Receipts(r.Context(), ReceiptsLimit)
	if err != nil {
		respondFailure(w, err)
		return
	}
	list := []ReceiptRecord{}
	for i := range all {
		if all[i].Tenant == t {
			list = append(list, ReceiptOf(&all[i]))
		}
	}
	respond(w, http.StatusOK, envelope{Status: "success", Data: list})
}

func (d deletes) one(w http.ResponseWriter, r *http.Request) {
	t, err := d.tenant(r)
	if err != nil {
		respondError(w, http.StatusBadRequest, "bad_data", err)
		return
	}
	ts, err := d.from.Receipt(r.Context(), r.PathValue("id"))
	switch {
	case err == nil && ts.Cause == catalog.Deleted && ts.Tenant == t:
		respond(w, http.StatusOK, envelope{Status: "success", Data: ReceiptOf(&ts)})
	case err == nil || errors.Is(err, catalog.ErrUnknown):
		respondError(w, http.StatusNotFound, "not_found", errors.New("there is no delete with this id"))
	default:
		respondFailure(w, err)
	}
}
