// Package files opens the files that a catalog lists and keeps recently used ones
// open, with their indexes, in a cache of bounded size.
//
// Life story: a query acquires a file, asks its index (Find, LabelNames,
// LabelValues), reads its pages by Reader or Aggregates, and releases it. A file
// that the catalog does not list any more is closed when its last user is done
// (Keep), so that the disk gives back its space.
package files
