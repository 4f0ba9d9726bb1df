package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc's processor times: a hundredth of a second on every Linux.
const clockTick = 10 * time.Millisecond

// usage is the processor time that each part of the system has used so far. Unlike a rate it hardly depends on what else
// the machine does.
type usage map[string]time.Duration

// processor reads it; nil where there is no /proc.
func (r *run) processor(ctx context.Context) usage {
	used := usage{}
	for _, p := range r.system.parts {
		stat, err := readStat(p.cmd.Process.Pid)
		if err != nil {
			return nil
		}
		used[p.name] = stat.used
	}
	var backend int
	if err := r.sql.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return nil
	}
	own, err := readStat(backend)
	if err != nil {
		return nil
	}
	// The postmaster has the time of backends that ended; the living ones are its children.
	for _, pid := range processes() {
		if stat, err := readStat(pid); err == nil && (pid == own.parent || stat.parent == own.parent) {
			used["postgres"] += stat.used
		}
	}
	return used
}

// count adds a row for each part: what it used since before, for each order.
func (r *run) count(ctx context.Context, name string, before usage, orders int64) {
	after := r.processor(ctx)
	if before == nil || after == nil {
		return
	}
	for _, part := range []string{"postgres", "api", "worker", "scheduler", "sandbox"} {
		spent := (after[part] - before[part]).Microseconds()
		r.table.add(name+": processor time per order, "+part, "µs", "", float64(spent)/float64(orders))
	}
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

type stat struct {
	parent int
	used   time.Duration // in user and kernel mode, with that of children that ended
}

// Places in /proc/PID/stat, counted from the one behind the command's name.
const (
	statParent   = 1
	statUser     = 11
	statChildren = 14
)

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, fmt.Errorf("read processor time: %w", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var result stat
	if result.parent, err = strconv.Atoi(fields[statParent]); err != nil {
		return stat{}, fmt.Errorf("read processor time: %w", err)
	}
	for _, field := range fields[statUser : statChildren+1] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return stat{}, fmt.Errorf("read processor time: %w", err)
		}
		result.used += time.Duration(ticks) * clockTick
	}
	return result, nil
}
