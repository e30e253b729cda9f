// Package remote takes Prometheus remote write, versions 1.0 and 2.0, over HTTP.
//
// Life story of a request: the headers are judged before a byte of the body is
// read (negotiate). The body is read into a pooled buffer, no faster than the
// gate grants memory, and its declared decoded size is judged before anything is
// allocated for it (body). A slot is taken once the body is complete, so a slow
// sender holds none. The decoder walks the protobuf bytes once and leaves a
// series.Batch: keys are slices of the decoded body (1.0) or are written out
// from the symbols into an arena (2.0), samples are plain arrays. What is wrong
// in itself is set aside and counted, the rest is poured into the Sink, and the
// answer says what became durable and what did not (answer, status).
//
// Both versions keep the good samples of a request and report the bad ones with
// status 400. Bad exemplars are counted, but never turn an answer into a 400.
//
// Ownership: the Sink may use the batch until Append returns; then every buffer
// goes back to the pool. Histograms, exemplar labels and metadata texts share no
// memory with the buffers.
//
// Sources: the remote-write specifications 1.0 and 2.0; prompb/types.proto and
// prompb/io/prometheus/write/v2/types.proto of the Prometheus module.
package remote
