package main

import (
	"fmt"
	"io"
	"strings"
)

// bar is a progress bar on one line of a terminal.
type bar struct {
	out        io.Writer
	label      string
	done, goal int
}

const barWidth = 40

func newBar(out io.Writer, label string, goal int) *bar {
	b := &bar{out: out, label: label, goal: goal}
	b.add(0)
	return b
}

func (b *bar) add(count int) {
	b.done += count
	filled := barWidth
	if b.goal > 0 {
		filled = barWidth * b.done / b.goal
	}
	fmt.Fprintf(b.out, "\r[%s%s] %d/%d %s ", strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled),
		b.done, b.goal, b.label)
}

func (b *bar) end() { fmt.Fprintln(b.out) }
