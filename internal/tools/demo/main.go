// Command demo runs the main job of awf-cred against the embedded sandbox and
// narrates it: a job's identity token, one exchange, the cache, ten processes at
// once, and an authenticated streaming request. It leaves nothing behind.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "call" {
		i, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = call(context.Background(), i)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo PATH/TO/awf-cred")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string) error {
	sb, err := sandbox.Run(ctx, sandbox.Config{TLS: true, Stream: sandbox.Stream{Interval: 100 * time.Millisecond}})
	if err != nil {
		return err
	}
	defer sb.Close()
	dir, err := os.MkdirTemp("", "awf-cred-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{binary: binary, dir: dir, sandbox: sb, out: os.Stdout, start: time.Now()}
	for _, scene := range []func(context.Context) error{
		d.welcome, d.identity, d.exchange, d.cache, d.storm, d.stream, d.vendors,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	d.summary()
	return nil
}
