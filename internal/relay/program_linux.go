package relay

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropProgramPages unmaps the pages of our own executable that are in memory now.
// Start-up and handshakes touch most of it, and the kernel maps what lies around
// each touched page: 9 of the 11 MiB of an idle process. What is still needed comes
// back from the page cache with a minor fault. It is an economy: nothing is reported
// when it cannot be done.
func dropProgramPages() {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	pc, _, _, _ := runtime.Caller(0)
	for _, m := range programMappings(bufio.NewScanner(f), uint64(pc)) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(m.from), uintptr(m.to-m.from), unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses that shows a file as it is.
type mapping struct {
	from, to uint64
	file     string // device and inode
	clean    bool   // not writable, and no page of it was ever written
}

// programMappings returns the clean mappings of the file whose code holds pc. One
// with an anonymous page has been written to (relocated data that is read-only by
// now, or a debugger's breakpoint): dropping that would lose it.
func programMappings(in *bufio.Scanner, pc uint64) []mapping {
	var all []mapping
	program := ""
	for in.Scan() {
		line := strings.Fields(in.Text())
		if len(line) < 2 {
			continue
		}
		if m, ok := parseMapping(line); ok {
			if m.from <= pc && pc < m.to {
				program = m.file
			}
			all = append(all, m)
			continue
		}
		if n := len(all); n > 0 && (line[0] == "Anonymous:" || line[0] == "Swap:") && line[1] != "0" {
			all[n-1].clean = false
		}
	}
	var clean []mapping
	for _, m := range all {
		if m.clean && m.file == program && program != "" {
			clean = append(clean, m)
		}
	}
	return clean
}

// parseMapping reads the first line of an entry: addresses, permissions, offset,
// device, inode, path (proc_pid_maps(5)).
func parseMapping(line []string) (m mapping, ok bool) {
	from, to, ok := strings.Cut(line[0], "-")
	if !ok || len(line) < 6 || line[4] == "0" {
		return m, ok && len(line) >= 5
	}
	a, err1 := strconv.ParseUint(from, 16, 64)
	z, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil {
		return m, false
	}
	private := len(line[1]) == 4 && line[1][1] == '-' && line[1][3] == 'p'
	return mapping{from: a, to: z, file: line[3] + " " + line[4], clean: private}, true
}
