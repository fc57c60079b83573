// Command startup measures whole processes of awf-cred in turn with an empty Go
// program and with one that links the same packages and returns at once, all in
// one run, and prints medians and ratios.
//
//	go run ./bench/startup bin/awf-cred
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func main() {
	rounds := flag.Int("n", 100, "rounds; each runs every contender once")
	storms := flag.Int("storms", 5, "rounds of many processes at once")
	many := flag.Int("many", 200, "processes at once in a storm")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: startup [flags] PATH/TO/awf-cred")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *rounds, *storms, *many); err != nil {
		fmt.Fprintln(os.Stderr, "startup:", err)
		os.Exit(1)
	}
}

// contender is one command line; prepare runs before each start, untimed.
type contender struct {
	name    string
	argv    []string
	env     []string
	prepare func() error
}

// sample is one finished process.
type sample struct{ wall, cpu time.Duration }

func run(binary string, rounds, storms, many int) error {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "awf-cred-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"empty", "imports"} {
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, name), "./bench/startup/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	sb, err := sandbox.Run(ctx, sandbox.Config{TLS: true, Records: -1})
	if err != nil {
		return err
	}
	defer sb.Close()

	warm, cold := filepath.Join(dir, "warm"), filepath.Join(dir, "cold")
	base := append(append([]string{"HOME=" + dir}, sb.GitHubEnv()...), sb.AnthropicEnv()...)
	// The system's list of roots is the sandbox's one certificate, so that our
	// work is measured and not the distribution's 140 certificates; the last
	// contender reads those as well.
	env := func(cache string) []string {
		return append([]string{"AWF_CRED_CACHE_DIR=" + cache, "SSL_CERT_FILE=" + sb.CAFile(), "SSL_CERT_DIR=" + filepath.Join(dir, "none")}, base...)
	}
	withSystemRoots := append([]string{"AWF_CRED_CACHE_DIR=" + cold, "AWF_CRED_CA_FILE=" + sb.CAFile()}, base...)
	empty := func() error { return os.RemoveAll(cold) }
	all := []contender{
		{name: "empty Go program", argv: []string{filepath.Join(dir, "empty")}},
		{name: "same imports, returns at once", argv: []string{filepath.Join(dir, "imports")}, env: env(warm)},
		{name: "token, cache hit", argv: []string{binary, "token"}, env: env(warm)},
		{name: "token, cold, loopback TLS", argv: []string{binary, "token"}, env: env(cold), prepare: empty},
		{name: "the same, reading the system's roots too", argv: []string{binary, "token"}, env: withSystemRoots, prepare: empty},
	}
	samples := make([][]sample, len(all))
	for i := -2; i < rounds; i++ {
		for k, c := range all {
			if c.prepare != nil {
				if err := c.prepare(); err != nil {
					return err
				}
			}
			s, err := one(c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i >= 0 {
				samples[k] = append(samples[k], s)
			}
		}
	}
	fmt.Printf("%s/%s, %d processors, %s, %d rounds\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), rounds)
	fmt.Println("| | wall ms p50 | CPU ms p50 | wall ratio to empty | CPU ratio to empty | wall ratio to same imports |")
	fmt.Println("|---|---:|---:|---:|---:|---:|")
	for k, c := range all {
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", c.name,
			ms(median(samples[k], wallOf)), ms(median(samples[k], cpuOf)),
			ratio(samples[k], samples[0], wallOf), ratio(samples[k], samples[0], cpuOf), ratio(samples[k], samples[1], wallOf))
	}
	return storm(sb, dir, binary, env, storms, many)
}

// one starts a command and waits for it; its output is read and dropped.
func one(c contender) (sample, error) {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = c.env
	if c.env == nil {
		cmd.Env = []string{}
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return sample{}, err
	}
	return sample{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// storm compares many cold processes at once with as many empty ones.
func storm(sb *sandbox.Sandbox, dir, binary string, env func(string) []string, storms, many int) error {
	var empty, cold []sample
	for i := range storms {
		cache := filepath.Join(dir, fmt.Sprintf("storm%d", i))
		e, err := burst(contender{argv: []string{filepath.Join(dir, "empty")}}, many)
		if err != nil {
			return err
		}
		before := sb.Counts()
		c, err := burst(contender{argv: []string{binary, "token"}, env: env(cache)}, many)
		if err != nil {
			return err
		}
		after := sb.Counts()
		if after.Exchanges-before.Exchanges != 1 || after.Mints-before.Mints != 1 {
			return fmt.Errorf("a storm made %d mints and %d exchanges", after.Mints-before.Mints, after.Exchanges-before.Exchanges)
		}
		empty, cold = append(empty, e), append(cold, c)
	}
	fmt.Printf("\n%d processes at once, cold: %.0f ms wall, %d empty ones %.0f ms: ratio %.2f wall, %.2f CPU; 1 mint and 1 exchange in each of %d rounds\n",
		many, ms(median(cold, wallOf)), many, ms(median(empty, wallOf)), ratio(cold, empty, wallOf), ratio(cold, empty, cpuOf), storms)
	return nil
}

func burst(c contender, many int) (sample, error) {
	cmds := make([]*exec.Cmd, many)
	start := time.Now()
	for i := range cmds {
		cmds[i] = exec.Command(c.argv[0], c.argv[1:]...)
		cmds[i].Env = append([]string{}, c.env...)
		if err := cmds[i].Start(); err != nil {
			return sample{}, err
		}
	}
	var cpu time.Duration
	var failed []string
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			failed = append(failed, err.Error())
		}
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if failed != nil {
		return sample{}, fmt.Errorf("%d of %d failed: %s", len(failed), many, strings.Join(failed[:1], ""))
	}
	return sample{time.Since(start), cpu}, nil
}

func wallOf(s sample) time.Duration { return s.wall }
func cpuOf(s sample) time.Duration  { return s.cpu }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(samples []sample, of func(sample) time.Duration) time.Duration {
	values := make([]time.Duration, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	return values[len(values)/2]
}

// ratio is the median of the ratios taken inside each round.
func ratio(a, b []sample, of func(sample) time.Duration) float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = float64(of(a[i])) / float64(of(b[i]))
	}
	sort.Float64s(values)
	return values[len(values)/2]
}
