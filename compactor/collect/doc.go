// Package collect deletes objects from the bucket: of files that were removed from
// the catalog longer ago than any query lasts, and, much later, those that the
// catalog never knew.
//
// Nothing is deleted from a listing alone: a listing makes orphan candidates, which
// the catalog records and no commit can add any more. Each step refuses to take away
// too large a share at once.
package collect
