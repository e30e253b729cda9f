package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// answerMemory is the node's memory while it gives one long answer. Its child
// processes are not counted.
type answerMemory struct {
	Query   string  `json:"query"`
	Rows    int64   `json:"rows"` // About; of the question, not counted in the answer.
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	// Before is VmRSS before the question, Most the greatest while it was answered,
	// Peak is VmHWM after it, of the node's whole life.
	Before int64 `json:"before_bytes"`
	Most   int64 `json:"most_bytes"`
	Peak   int64 `json:"peak_bytes"`
}

// mostGrowth is the bound of the promise.
const mostGrowth = 64 << 20

func (m *answerMemory) growth() int64 { return m.Most - m.Before }

// watchAnswer asks for about AnswerBytes of CSV and reads it slowly.
func (b *sqlBench) watchAnswer(ctx context.Context) (*answerMemory, error) {
	const columns = "time, value, dc, instance, job, cpu, mode"
	ask := func(rows int64) string {
		return fmt.Sprintf("SELECT %s FROM %s LIMIT %d", columns, metricCPU, rows)
	}
	const few = 10_000
	n, _, err := b.readSlowly(ctx, ask(few))
	if err != nil {
		return nil, err
	}
	m := &answerMemory{Rows: max(1, b.AnswerBytes/max(1, n/few))}
	m.Query = ask(m.Rows)
	pid := b.node.cmd.Process.Pid
	before, err := readMemory(pid)
	if err != nil {
		return nil, err
	}
	m.Before = before.resident
	watchCtx, stop := context.WithCancel(ctx)
	seen := make(chan memory)
	go func() { seen <- watchMost(watchCtx, pid, 20*time.Millisecond) }()
	begin := time.Now()
	m.Bytes, _, err = b.readSlowly(ctx, m.Query)
	m.Seconds = time.Since(begin).Seconds()
	stop()
	most := <-seen
	m.Most, m.Peak = most.resident, most.peak
	return m, err
}

// readSlowly reads an answer at no more than ReadRate.
func (b *sqlBench) readSlowly(ctx context.Context, statement string) (n int64, took time.Duration, err error) {
	begin := time.Now()
	body, err := b.client.open(ctx, statement, "csv", false)
	if err != nil {
		return 0, 0, err
	}
	defer body.Close()
	const piece = 1 << 20
	for {
		got, err := io.CopyN(io.Discard, body, piece)
		n += got
		if err == io.EOF {
			return n, time.Since(begin), nil
		}
		if err != nil {
			return n, 0, fmt.Errorf("read answer after %d bytes: %w", n, err)
		}
		ahead := time.Duration(float64(n)/float64(b.ReadRate)*float64(time.Second)) - time.Since(begin)
		if err := pause(ctx, max(0, ahead)); err != nil {
			return n, 0, err
		}
	}
}
