package order

// MaxNote is the most characters of a note, or of a hold's reason.
const MaxNote = 2000

// noteField is the field by which an event tells of a note.
const noteField = "note"

// Note puts a person's remark on the timeline, whatever state the order is in. It fails with Faults on a bad text.
func (c *Case) Note(text string) error {
	var check checker
	check.text(text, MaxNote, true, "text")
	if len(check.faults) > 0 {
		return check.faults
	}
	c.write(EventNoteAdded, nil, c.look(nil), Change{Field: noteField, After: &text})
	return nil
}

// Note returns the remark that the event put on the timeline; nil with every other kind.
func (e *Event) Note() *string {
	if e.Kind != EventNoteAdded {
		return nil
	}
	for _, change := range e.Changes {
		if change.Field == noteField {
			return change.After
		}
	}
	return nil
}
