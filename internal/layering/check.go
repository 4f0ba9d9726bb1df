package layering

import (
	"fmt"
	"slices"
	"strings"
)

// Violations says, a sentence each, which of the imports of pkg break a rule. Both are full import paths; imports of
// packages outside the module count too. A package that no layer names is a violation by itself.
func Violations(pkg string, imports []string) []string {
	path := relative(pkg)
	at := slices.IndexFunc(Layers(), func(l Layer) bool { return matchesAny(path, l.Packages) })
	if at < 0 {
		return []string{fmt.Sprintf("%s belongs to no layer: add it to docs/architecture.md and to internal/layering", path)}
	}
	layer := Layers()[at]

	var found []string
	for _, imported := range imports {
		if reason := layer.refuses(path, imported); reason != "" {
			found = append(found, fmt.Sprintf("%s imports %s: %s", path, imported, reason))
		}
	}
	return found
}

func (l Layer) refuses(path, imported string) string {
	if !inside(imported) {
		return l.refusesOutside(path, imported)
	}
	target := relative(imported)
	switch {
	case matches(target, "cmd/..."):
		return "nothing imports cmd"
	case l.Anything, matchesAny(target, l.Imports), isLeaf(target):
		return ""
	default:
		return fmt.Sprintf("layer %s may not", l.Name)
	}
}

func (l Layer) refusesOutside(path, imported string) string {
	for _, wall := range Walls() {
		if hasPathPrefix(imported, wall.Imports) && !matchesAny(path, wall.Only) {
			return wall.Why
		}
	}
	if l.Libraries == nil || slices.Contains(l.Libraries, imported) {
		return ""
	}
	if slices.Contains(l.Libraries, "std") && isStandard(imported) && !hasPathPrefix(imported, []string{"net/http", "os"}) {
		return ""
	}
	return fmt.Sprintf("layer %s may not", l.Name)
}

// isLeaf reports whether everyone may import path: the small packages below internal, without those that are for tests
// and commands.
func isLeaf(path string) bool {
	stand := []string{"internal/devstack/...", "internal/testkit/...", "internal/gqlclient", "internal/layering"}
	return strings.HasPrefix(path, "internal/") && !matchesAny(path, stand)
}

func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func inside(imported string) bool {
	return imported == Module || strings.HasPrefix(imported, Module+"/")
}

func relative(imported string) string {
	return strings.TrimPrefix(strings.TrimPrefix(imported, Module), "/")
}

func matchesAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(path, p) })
}

func matches(path, pattern string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return hasPathPrefix(path, []string{folder})
	}
	if folder, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, below := strings.CutPrefix(path, folder+"/")
		return below && !strings.Contains(rest, "/")
	}
	return path == pattern
}

func hasPathPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}
