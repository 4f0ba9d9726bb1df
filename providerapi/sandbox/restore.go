package sandbox

import (
	"encoding/json"
	"fmt"
)

// load puts one line of the journal back into force. Later lines of the same order take the place of earlier ones.
func (s *Server) load(line []byte) error {
	r, err := parseRecord(line)
	if err != nil {
		return err
	}
	p := s.providers[r.slug]
	if p == nil {
		if !validSlug(r.slug) {
			return fmt.Errorf("slug: %w", errRecord)
		}
		p = retired(r.slug)
		s.providers[r.slug] = p
	}
	switch r.kind {
	case recordOrder:
		return s.loadOrder(p, &r)
	case recordError:
		p.errors[r.key] = struct{}{}
		return nil
	case recordSettings:
		return p.loadSettings(&r)
	default:
		return errRecord
	}
}

func (s *Server) loadOrder(p *provider, r *record) error {
	e, err := r.entry(p)
	if err != nil {
		return err
	}
	if e.seq > len(s.ledger.entries)+maxGap {
		return fmt.Errorf("sequence number: %w", errRecord)
	}
	if e.seq <= len(s.ledger.entries) && s.ledger.entries[e.seq-1] != nil {
		known := s.ledger.entries[e.seq-1]
		if known.id != e.id || known.provider != p {
			return fmt.Errorf("two orders of one number: %w", errRecord)
		}
		known.status, known.delivered, known.charge, known.message = e.status, e.delivered, e.charge, e.message
		known.reroutable, known.results, known.updated, known.due = e.reroutable, e.results, e.updated, e.due
		return nil
	}
	s.ledger.restore(e)
	return nil
}

func (p *provider) loadSettings(r *record) error {
	p.override = settings{webhookURL: r.webhookURL}
	if r.behavior != nil {
		var behavior Behavior
		if err := json.Unmarshal(r.behavior, &behavior); err != nil {
			return fmt.Errorf("behavior: %w", err)
		}
		if err := behavior.validate(); err != nil {
			return err
		}
		p.override.behavior = &behavior
	}
	if !p.retired {
		p.apply()
	}
	return nil
}

// resume makes what was loaded findable, in the order in which it came, and lets it go on.
func (s *Server) resume() {
	var due []step
	for _, e := range s.ledger.entries {
		if e == nil {
			continue
		}
		e.shard.insert(e)
		if !e.due.IsZero() && !e.provider.retired {
			due = append(due, step{e.due, e})
		}
	}
	s.clock.push(due...)
}

// dump writes everything that the ledger holds, a line each.
func (s *Server) dump(write func(line []byte) error) error {
	var line []byte
	for _, p := range s.providers {
		if p.override.behavior != nil || p.override.webhookURL != nil {
			settings, err := appendSettings(nil, p.slug, p.override)
			if err == nil {
				err = write(settings)
			}
			if err != nil {
				return err
			}
		}
		for key := range p.errors {
			line = appendError(line[:0], p.slug, key)
			if err := write(line); err != nil {
				return err
			}
		}
	}
	for _, e := range s.ledger.entries {
		if e == nil {
			continue
		}
		line = e.appendRecord(line[:0])
		if err := write(line); err != nil {
			return err
		}
	}
	return nil
}
