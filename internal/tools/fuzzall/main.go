// Command fuzzall runs every fuzz target of the module, one after the other,
// each for the given time.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"
)

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func main() {
	budget := flag.Duration("time", 10*time.Second, "time for each target")
	flag.Parse()
	found, err := targets(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
	failed := 0
	for _, f := range found {
		start := time.Now()
		cmd := exec.Command("go", "test", "-run=^$", "-fuzz=^"+f.name+"$", "-fuzztime="+budget.String(), "-fuzzminimizetime=1x", "./"+f.dir)
		out, err := cmd.CombinedOutput()
		if err != nil && ranOut(out) {
			err = nil
		}
		verdict := "ok  "
		if err != nil {
			verdict = "FAIL"
			failed++
		}
		fmt.Printf("%s %-28s %-40s %s\n", verdict, f.dir, f.name, time.Since(start).Round(time.Second/10))
		if err != nil {
			os.Stdout.Write(bytes.TrimSpace(out))
			fmt.Println()
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(found)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// ranOut reports a failure that is none: on a busy machine the fuzzing engine can
// take the end of its own time for an error (golang/go#51484). Whatever is found
// says more than that one line.
func ranOut(out []byte) bool { return ranOutLine.Match(bytes.TrimSpace(out)) }

var ranOutLine = regexp.MustCompile(`\A(?:fuzz: elapsed: .*\n)*--- FAIL: Fuzz\w+ \(\S+\)\n {4}context deadline exceeded\nFAIL\nexit status 1\nFAIL\t\S+\t\S+\z`)

type fuzzTarget struct{ dir, name string }

// targets finds the fuzz functions below root by their declaration.
func targets(root string) ([]fuzzTarget, error) {
	var found []fuzzTarget
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "tools" && filepath.Dir(path) == root || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range target.FindAllSubmatch(text, -1) {
			found = append(found, fuzzTarget{filepath.Dir(path), string(m[1])})
		}
		return nil
	})
	sort.Slice(found, func(i, j int) bool { return found[i].dir+found[i].name < found[j].dir+found[j].name })
	return found, err
}
