//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// settle is what every contender is given after its start before it counts as idle.
const settle = 3 * time.Second

// results are figures by cell, figure and contender, one for each round.
type results map[string]map[string]map[string][]float64

func (r results) add(cell, figure, name string, v float64) {
	if r[cell] == nil {
		r[cell] = map[string]map[string][]float64{}
	}
	if r[cell][figure] == nil {
		r[cell][figure] = map[string][]float64{}
	}
	r[cell][figure][name] = append(r[cell][figure][name], v)
	fmt.Fprintf(os.Stderr, "%-28s %-34s %-14s %.4g\n", cell, figure, name, v)
}

func bench(o *options) error {
	if err := install(o); err != nil {
		return err
	}
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.close()
	all := contenders(o)
	r := results{}
	for range o.rounds {
		if o.has("requests") {
			if err := l.requests(all, r); err != nil {
				return err
			}
		}
		if o.has("bulk") {
			if err := l.bulk(all, r); err != nil {
				return err
			}
		}
		if o.has("streams") {
			if err := l.streams(all, r); err != nil {
				return err
			}
		}
		if o.has("slow") {
			if err := l.slow(all, r); err != nil {
				return err
			}
		}
	}
	seen, wrong, err := l.count()
	if err != nil {
		return err
	}
	out := io.Writer(os.Stdout)
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	names := []string{}
	if o.only == "" {
		names = append(names, "direct")
	}
	for _, c := range all {
		names = append(names, c.name)
	}
	fmt.Fprintf(out, "%s, %s, %d rounds, medians; %s requests reached the upstream, %s of them without exactly the right credential.\n",
		machine(), runtime.Version(), o.rounds, seen, wrong)
	report(out, r, names)
	return nil
}

// requests: each contender takes its turn inside each cell, on one process for the
// whole round.
func (l *lab) requests(all []contender, r results) error {
	live := map[string]*running{}
	for _, c := range all {
		p, err := l.start(c)
		if err != nil {
			return err
		}
		live[c.name] = p
		defer p.stop()
	}
	type cell struct{ clients, body int }
	var cells []cell
	for _, s := range strings.Split(l.o.clients, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		cells = append(cells, cell{n, 250})
	}
	cells = append(cells, cell{16, 64 << 10})
	for _, k := range cells {
		name := fmt.Sprintf("c=%d", k.clients)
		if k.body > 1000 {
			name += fmt.Sprintf(", %d KiB bodies", k.body>>10)
		}
		if l.o.only == "" {
			got, err := l.load(l.upstream, true, k.clients, k.body)
			if err != nil {
				return err
			}
			r.add(name, "requests/s", "direct", float64(got.Requests)/got.Seconds)
			r.add(name, "p50 µs", "direct", got.P50)
			r.add(name, "p99 µs", "direct", got.P99)
		}
		for _, c := range all {
			p := live[c.name]
			// Connections and caches are warm when it counts.
			warm := 300*time.Millisecond + time.Duration(k.clients)*5*time.Millisecond
			if _, err := l.loadFor(p.addr, false, k.clients, k.body, warm); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			before, err := cpuSeconds(p.cmd.Process.Pid)
			if err != nil {
				return err
			}
			got, err := l.load(p.addr, false, k.clients, k.body)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			after, err := cpuSeconds(p.cmd.Process.Pid)
			if err != nil {
				return err
			}
			r.add(name, "CPU s for 100,000 requests", c.name, (after-before)/float64(got.Requests)*100000)
			r.add(name, "requests/s", c.name, float64(got.Requests)/got.Seconds)
			r.add(name, "p50 µs", c.name, got.P50)
			r.add(name, "p99 µs", c.name, got.P99)
			if got.Errors > 0 {
				r.add(name, "errors", c.name, float64(got.Errors))
			}
		}
	}
	return nil
}

func (l *lab) target(addr string, direct bool) []string {
	args := []string{"-target", addr}
	if direct {
		args = append(args, "-ca", l.path("cert.pem"))
	}
	return args
}

func (l *lab) load(addr string, direct bool, clients, body int) (loadResult, error) {
	return l.loadFor(addr, direct, clients, body, l.o.cell)
}

func (l *lab) loadFor(addr string, direct bool, clients, body int, d time.Duration) (r loadResult, err error) {
	args := append([]string{"load"}, l.target(addr, direct)...)
	args = append(args, "-c", strconv.Itoa(clients), "-body", strconv.Itoa(body), "-for", d.String())
	out, err := l.pinned(1, l.self, args...).Output()
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

func (l *lab) bulk(all []contender, r results) error {
	for _, way := range []string{"up", "down"} {
		cell := "32 MiB " + way
		one := func(name, addr string, pid int) error {
			args := append([]string{"bulk"}, l.target(addr, pid == 0)...)
			if way == "up" {
				args = append(args, "-up")
			}
			before := 0.0
			if pid != 0 {
				before, _ = cpuSeconds(pid)
			}
			out, err := l.pinned(1, l.self, args...).Output()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				return err
			}
			r.add(cell, "wall ms", name, s*1000)
			if pid != 0 {
				after, _ := cpuSeconds(pid)
				r.add(cell, "CPU ms", name, (after-before)*1000/5)
			}
			return nil
		}
		if l.o.only == "" {
			if err := one("direct", l.upstream, 0); err != nil {
				return err
			}
		}
		for _, c := range all {
			p, err := l.start(c)
			if err != nil {
				return err
			}
			err = one(c.name, p.addr, p.cmd.Process.Pid)
			p.stop()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// streams: memory in a fresh process, idle and with open streams, and the delay of
// each event.
func (l *lab) streams(all []contender, r results) error {
	for _, s := range strings.Split(l.o.streams, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		cell := fmt.Sprintf("%d streams", n)
		if l.o.only == "" {
			if _, err := l.hold(cell, "direct", l.upstream, n, 0, r); err != nil {
				return err
			}
		}
		for _, c := range all {
			p, err := l.start(c)
			if err != nil {
				return err
			}
			time.Sleep(settle)
			idle, _ := pssKiB(p.cmd.Process.Pid)
			r.add(cell, "idle MiB", c.name, idle/1024)
			open, err := l.hold(cell, c.name, p.addr, n, p.cmd.Process.Pid, r)
			p.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r.add(cell, "MiB", c.name, open/1024)
			r.add(cell, "KiB for each stream", c.name, (open-idle)/float64(n))
		}
	}
	return nil
}

// hold opens n streams and returns the memory with them open.
func (l *lab) hold(cell, name, addr string, n, pid int, r results) (kib float64, err error) {
	args := append([]string{"hold"}, l.target(addr, pid == 0)...)
	cmd := l.pinned(1, l.self, append(args, "-n", strconv.Itoa(n), "-for", l.o.watch.String())...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	out := bufio.NewReader(stdout)
	if _, err := out.ReadString('\n'); err != nil {
		return 0, fmt.Errorf("opening %d streams: %w", n, err)
	}
	time.Sleep(2 * time.Second)
	before := 0.0
	if pid != 0 {
		before, _ = cpuSeconds(pid)
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return 0, err
	}
	var got holdResult
	if err := json.NewDecoder(out).Decode(&got); err != nil {
		return 0, err
	}
	r.add(cell, "event delay p50 µs", name, got.P50)
	r.add(cell, "event delay p99 µs", name, got.P99)
	if got.Errors > 0 {
		r.add(cell, "errors", name, float64(got.Errors))
	}
	if pid != 0 {
		after, _ := cpuSeconds(pid)
		r.add(cell, "CPU s for 100,000 events", name, (after-before)/float64(got.Events)*100000)
		kib, err = pssKiB(pid)
	}
	return kib, err
}

// slow: what a thousand slow readers of 300 KB leave behind for a thousand streams.
func (l *lab) slow(all []contender, r results) error {
	const n = 1000
	cell := "after 1000 slow readers"
	for _, c := range all {
		p, err := l.start(c)
		if err != nil {
			return err
		}
		pid := p.cmd.Process.Pid
		time.Sleep(settle)
		idle, _ := pssKiB(pid)
		cmd := l.pinned(1, l.self, "slow", "-target", p.addr, "-n", strconv.Itoa(n))
		if err := cmd.Start(); err != nil {
			p.stop()
			return err
		}
		time.Sleep(4 * time.Second)
		during, _ := pssKiB(pid)
		err = cmd.Wait()
		var open float64
		if err == nil {
			time.Sleep(5 * time.Second)
			open, err = l.hold(cell, c.name, p.addr, n, pid, r)
		}
		p.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.add(cell, "MiB while they read", c.name, during/1024)
		r.add(cell, "KiB for each stream", c.name, (open-idle)/n)
	}
	return nil
}

// count asks the upstream what it has seen.
func (l *lab) count() (seen, wrong string, err error) {
	t := target{addr: l.upstream, ca: l.path("cert.pem")}
	c, err := t.dial()
	if err != nil {
		return "", "", err
	}
	defer c.Close()
	if _, err := c.Write(t.request("GET", "/count", 0)); err != nil {
		return "", "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	seen, wrong, _ = strings.Cut(string(out), " ")
	return seen, wrong, err
}
