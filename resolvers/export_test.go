package resolvers

// Watched returns how many providers are watched.
func (r *Root) Watched() int {
	r.watched.mu.Lock()
	defer r.watched.mu.Unlock()
	return len(r.watched.shared)
}
