package protocol

import (
	"slices"

	"github.com/go-faster/jx"
)

// readResults reads what the provider hands over: few things, each named once.
func (o *Order) readResults(d *jx.Decoder) error {
	if absent(d) {
		return nil
	}
	return d.Arr(func(d *jx.Decoder) error {
		if len(o.Results) == MaxResults {
			return errElements
		}
		var r Result
		if err := object(d, r.member); err != nil {
			return err
		}
		if r.ID == "" || r.Kind == "" {
			return errMissing
		}
		if slices.ContainsFunc(o.Results, func(other Result) bool { return other.ID == r.ID }) {
			return errDuplicate
		}
		o.Results = append(o.Results, r)
		return nil
	})
}

func (r *Result) member(d *jx.Decoder, name []byte) error {
	switch string(name) {
	case "id":
		return word(d, &r.ID, MaxLabel)
	case "kind":
		return word(d, &r.Kind, MaxWord)
	case "label":
		return text(d, &r.Label, MaxLabel)
	case "value":
		return text(d, &r.Value, MaxValue)
	case "url":
		return text(d, &r.URL, MaxValue)
	case "carrier":
		return text(d, &r.Carrier, MaxLabel)
	case "secret":
		return flag(d, &r.Secret)
	default:
		return d.Skip()
	}
}

func writeResults(e *jx.Encoder, results []Result) {
	if len(results) == 0 {
		return
	}
	e.FieldStart("results")
	e.ArrStart()
	for i := range results {
		r := &results[i]
		e.ObjStart()
		e.FieldStart("id")
		e.Str(r.ID)
		e.FieldStart("kind")
		e.Str(r.Kind)
		textField(e, "label", r.Label)
		textField(e, "value", r.Value)
		textField(e, "url", r.URL)
		textField(e, "carrier", r.Carrier)
		flagField(e, "secret", r.Secret)
		e.ObjEnd()
	}
	e.ArrEnd()
}
