package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"herringbone/sql/duck"
)

// childName is the name that a child is started under; nobody else has it.
const childName = "herringbone-sql"

// socketFD is the child's end of the socket.
const socketFD = 3

// IsChild says whether this process was started as a child of a Pool. Then it
// must call Main and do nothing else.
func IsChild() bool { return len(os.Args) == 1 && os.Args[0] == childName }

// Main is a child's whole life. It never returns.
func Main() {
	err := serve(os.NewFile(socketFD, "socket"))
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a running child.
type child struct {
	frames
	opts     duck.Options
	cpu      int64
	instance *duck.Instance
	uses     int // Of the instance.
	requests chan request
}

// request is a message with the context that a cancel ends.
type request struct {
	kind    kind
	payload []byte
	ctx     context.Context
}

// probe is set by tests of the cage, which act in the child.
var probe func(question string) string

func serve(socket *os.File) error {
	c := &child{frames: newFrames(socket), requests: make(chan request)}
	k, payload, err := c.receive(fromParent, 0)
	if err != nil || k != kindHello {
		return errors.Join(err, fmt.Errorf("no hello: %w", errProtocol))
	}
	var h hello
	if err := json.Unmarshal(payload, &h); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	built, err := c.settle(h)
	if err != nil {
		return err
	}
	if err := c.send(kindOK, built); err != nil {
		return err
	}
	go c.listen()
	go endAtCPULimit()
	for r := range c.requests {
		if err := c.answer(r); err != nil {
			return err
		}
	}
	return nil
}

// endAtCPULimit ends the process when limitCPU's time is over: the Go runtime
// ignores the signal that says so.
func endAtCPULimit() {
	over := make(chan os.Signal, 1)
	signal.Notify(over, syscall.SIGXCPU)
	<-over
	fmt.Fprintln(os.Stderr, cpuMessage)
	os.Exit(1)
}

// settle builds the cage and opens DuckDB inside it.
func (c *child) settle(h hello) ([]byte, error) {
	debug.SetTraceback("none") // The first line says enough; a dump could hold rows.
	debug.SetMemoryLimit(64 << 20)
	runtime.GOMAXPROCS(2)
	// Too large a file is an error of write, not an end of the process.
	signal.Ignore(syscall.SIGXFSZ, syscall.SIGPIPE)
	if err := closeInherited(); err != nil {
		return nil, fmt.Errorf("close what was inherited: %w", err)
	}
	if err := os.Chdir(h.Dir); err != nil {
		return nil, fmt.Errorf("enter directory: %w", err)
	}
	built, err := h.build()
	if err != nil {
		return nil, fmt.Errorf("build cage: %w", err)
	}
	c.opts, c.cpu = h.Duck, h.CPUSeconds
	if err := c.reset(); err != nil {
		return nil, err
	}
	return json.Marshal(built)
}

// listen reads what the parent sends. A cancel overtakes what is running; all
// else queues. The end of the socket is the end of the process.
func (c *child) listen() {
	ctx, cancel := context.WithCancel(context.Background())
	for {
		k, payload, err := c.receive(fromParent, 0)
		if err != nil {
			os.Exit(0)
		}
		switch k {
		case kindCancel:
			cancel()
			continue
		case kindRows, kindEnd: // Parts of the running request.
		default:
			cancel()
			ctx, cancel = context.WithCancel(context.Background())
		}
		c.requests <- request{k, payload, ctx}
	}
}

// answer serves one request. Its error is the end of the child.
func (c *child) answer(r request) error {
	payload, err := c.handle(r)
	if err == nil {
		return c.send(kindOK, payload)
	}
	if errors.Is(err, errSocket) {
		return err
	}
	fail := &duck.Error{Class: duck.Other, Message: err.Error(), Position: -1}
	var known *duck.Error
	if errors.As(err, &known) {
		*fail = *known
	}
	fail.Message = fail.Message[:min(len(fail.Message), maxFail/8)] // JSON may make six of one byte.
	text, err := json.Marshal(fail)
	if err != nil {
		return err
	}
	return c.send(kindFail, text)
}

func (c *child) handle(r request) ([]byte, error) {
	switch r.kind {
	case kindAST:
		return c.instance.AST(r.ctx, string(r.payload))
	case kindSQL:
		text, err := c.instance.SQL(r.ctx, r.payload)
		return []byte(text), err
	case kindExec:
		var statements []string
		if err := json.Unmarshal(r.payload, &statements); err != nil {
			return nil, err
		}
		return nil, c.instance.Exec(r.ctx, statements...)
	case kindLoad:
		return nil, c.load(r)
	case kindQuery:
		return nil, c.query(r)
	case kindReset:
		return nil, c.reset()
	case kindProbe:
		if probe != nil {
			return []byte(probe(string(r.payload))), nil
		}
	}
	return nil, fmt.Errorf("unknown request %c: %w", r.kind, errProtocol)
}

// instanceUses is how many queries an instance serves: clearing it is ten times
// cheaper than a new one, which lets go of whatever else it has gathered.
const instanceUses = 20

// reset clears or replaces the instance: nothing of the last query is left to the
// next.
func (c *child) reset() error {
	c.uses++
	if c.instance != nil && c.uses < instanceUses {
		if err := c.instance.Clear(context.Background()); err == nil {
			return limitCPU(c.cpu)
		}
	}
	c.uses = 0
	if c.instance != nil {
		c.instance.Close()
		c.instance = nil
	}
	if err := limitCPU(c.cpu); err != nil {
		return fmt.Errorf("limit CPU time: %w", err)
	}
	i, err := duck.Open(c.opts)
	c.instance = i
	return err
}
