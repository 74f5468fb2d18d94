package kube

// Sights returns how many launches a launcher has notes of.
func (l *Launcher) Sights() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress.mu.Lock()
	defer l.progress.mu.Unlock()
	return max(len(l.sights), len(l.progress.of))
}
