// Package status shows people what a compactor does: a page, the same as JSON, the
// receipts of deletes, and metrics of levels.
//
// Life story: the compactor notes jobs and steps in a Journal as they begin and end;
// Status is put together from it when somebody asks. Nothing here is needed by work.
package status
