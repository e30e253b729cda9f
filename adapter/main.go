// Command adapter is Herringbone: a Prometheus-compatible remote store in one
// binary. This package wires the services together and decides nothing about data.
//
// Life story of a node: flags and the YAML file become one Config. The node
// locks its data directory, listens (answering 503 while it is not ready), opens
// bucket, catalog and store, replays the write-ahead log, and says it is ready.
// Then the store's loop, self-monitoring and the HTTP server run side by side in
// one errgroup until a signal, or a fault of one of them, ends all of them: no new
// requests, the running ones finish, memory is flushed in a bounded time, and
// everything is closed. Being killed at any of these points loses nothing; it
// only makes the next start replay more.
//
// This is the only package that knows YAML, flags, environment and signals, and
// the only one that starts goroutines which outlive a call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/common/version"

	"herringbone/sql/worker"
)

func main() {
	if worker.IsChild() {
		worker.Main()
	}
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// errFindings: the command worked, and what it found is bad. It has said so.
var errFindings = errors.New("findings were reported")

// execute runs one command line and returns the exit code: 0, or 1 with a
// message on stderr.
func execute(args []string, stdout, stderr io.Writer) int {
	cli := newCommandLine()
	command, err := cli.app.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "adapter: %v (try --help)\n", err)
		return 1
	}
	ctx, stop := untilSignal()
	defer stop()
	err = dispatch(ctx, cli, command, stdout)
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, errFindings):
		fmt.Fprintf(stderr, "adapter: %v\n", err)
	}
	return 1
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends: it asks
// for an orderly stop. A second one kills, because the signals are given back
// before the context ends.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan os.Signal, 1)
	signal.Notify(first, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-first:
		case <-ctx.Done():
		}
		signal.Stop(first)
		cancel()
	}()
	return ctx, cancel
}

func dispatch(ctx context.Context, cli *commandLine, command string, stdout io.Writer) error {
	switch command {
	case cli.version.FullCommand():
		_, err := fmt.Fprintln(stdout, version.Print("herringbone"))
		return err
	case cli.checkConfig.FullCommand():
		return checkConfig(cli, stdout)
	case cli.sql.FullCommand():
		return cli.shell.run(ctx, os.Stdin, stdout, os.Stderr)
	}
	if run, ok := cli.bench[command]; ok {
		return run(ctx)
	}
	cfg, err := cli.config()
	if err != nil {
		return err
	}
	switch command {
	case cli.printConfig.FullCommand():
		return configCommand(cli, cfg, stdout)
	case cli.fsck.FullCommand():
		return runFsck(ctx, cli.flags, cfg, stdout)
	case cli.compact.FullCommand():
		return compact(ctx, cli.flags, cfg, stdout)
	}
	log, err := newLogger(cli.logLevel, cli.logFormat, os.Stderr)
	if err != nil {
		return err
	}
	return runNode(ctx, cli.flags, cfg, log)
}

// checkConfig says whether a node would accept its configuration, without
// starting one.
func checkConfig(cli *commandLine, stdout io.Writer) error {
	if _, err := cli.config(); err != nil {
		return err
	}
	if err := checkWeb(cli.flags); err != nil {
		return err
	}
	name := cli.configFile
	if name == "" {
		name = "embedded defaults"
	}
	_, err := fmt.Fprintf(stdout, "SUCCESS: %s: valid configuration\n", name)
	return err
}
