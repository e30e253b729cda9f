// Package bucket keeps immutable objects by name.
//
// Life story: an object is written beside the others, nameless, and gets its
// name by Commit, whole and durable, or never. From then on it does not change
// until it is deleted. It is read at any place by any number of readers.
//
// That an object exists here says nothing about whether it counts: the catalog
// decides that. A process that dies between Commit and the catalog leaves an
// object that nobody names, which is collected later.
//
// Dir keeps objects in a directory. The interface is narrow enough for an object
// store that has no rename, no append and no directories; buckettest.Run holds
// the tests that every Bucket passes.
package bucket
