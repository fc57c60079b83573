//go:build linux

// Command proxy measures awf-cred serve against nginx, haproxy, a tuned
// httputil.ReverseProxy and a direct connection, in one run on one machine.
//
//	go run ./bench/proxy -awf bin/awf-cred
//
// It installs nginx and haproxy from Debian if they are missing (-install), writes
// their configuration, and lets the contenders take turns inside each cell of each
// round: the proxy pinned to one core, load generator and TLS upstream to another.
// Every contender strips the same headers, injects the same one and keeps its
// connections to the upstream alive; the upstream counts every request without
// exactly the right credential. Trust ratios taken inside one round.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		if run := parts[os.Args[1]]; run != nil {
			if err := run(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
				os.Exit(1)
			}
			return
		}
	}
	o := options{}
	flag.StringVar(&o.awf, "awf", "bin/awf-cred", "the built awf-cred; empty leaves it out")
	flag.StringVar(&o.only, "only", "", "contenders, comma-separated; all if empty")
	flag.StringVar(&o.cells, "cells", "requests,streams,slow,bulk", "what is measured")
	flag.StringVar(&o.clients, "c", "1,16,64,256", "connections of the request cells")
	flag.StringVar(&o.streams, "streams", "1000,5000", "open streams")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds")
	flag.DurationVar(&o.cell, "cell", 3*time.Second, "length of a request cell")
	flag.DurationVar(&o.watch, "watch", 10*time.Second, "how long events are timed")
	flag.StringVar(&o.out, "out", "", "file for the report; standard output if empty")
	flag.BoolVar(&o.install, "install", true, "install nginx and haproxy if they are missing")
	flag.BoolVar(&o.pin, "pin", true, "proxy on core 0, the rest on core 1")
	flag.Parse()
	if err := bench(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	awf, only, cells, clients, streams, out string
	rounds                                  int
	cell, watch                             time.Duration
	install, pin                            bool
}

func (o *options) has(cell string) bool {
	for _, c := range strings.Split(o.cells, ",") {
		if c == cell {
			return true
		}
	}
	return false
}

// parts are the programs that the benchmark starts of itself, so that each has its
// own process, core and memory.
var parts = map[string]func(args []string) error{
	"upstream":     upstreamMain,
	"load":         loadMain,
	"hold":         holdMain,
	"slow":         slowMain,
	"bulk":         bulkMain,
	"engine":       engineMain,
	"reverseproxy": reverseMain,
}
