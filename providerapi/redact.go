package providerapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// MaxRedacted bounds what Redact returns, in bytes.
const MaxRedacted = 4 << 10

const (
	keptText     = 200 // bytes of a string
	keptDigits   = 40  // of a number
	keptElements = 20  // of an array
	keptMembers  = 50  // of an object
	keptDepth    = 8
	hidden       = "[redacted]"
)

// Redact makes of a JSON body what may be stored and shown: secrets are gone by their names, of destinations and
// attributes only the shape is left, texts are cut and lose e-mail addresses. The result is JSON of at most
// MaxRedacted bytes, nil for an empty body. Of a body that is no JSON only its size is told.
func Redact(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	if len(body) > MaxReply || !utf8.Valid(body) || !json.Valid(body) {
		return stub("not JSON", len(body))
	}
	r := redaction{d: jx.DecodeBytes(body)}
	r.e.SetBytes(make([]byte, 0, min(len(body)+64, MaxRedacted)))
	if err := r.value(open, 0); err != nil {
		return stub("not JSON", len(body))
	}
	if len(r.e.Bytes()) > MaxRedacted {
		return stub("too large to keep", len(body))
	}
	return r.e.Bytes()
}

func stub(why string, size int) []byte {
	var e jx.Encoder
	e.ObjStart()
	e.FieldStart("omitted")
	e.Str(why)
	e.FieldStart("bytes")
	e.Int(size)
	e.ObjEnd()
	return e.Bytes()
}

// exposure says how much of a value may be seen.
type exposure int

const (
	open   exposure = iota
	shape           // names, but no values: what belongs to a person
	secret          // nothing
)

type redaction struct {
	d *jx.Decoder
	e jx.Encoder
	// within counts the results that are being read: of an object there that is marked as secret, value and URL are hidden.
	within int
}

func (r *redaction) value(seen exposure, depth int) error {
	kind := r.d.Next()
	switch {
	case seen == secret, depth > keptDepth, len(r.e.Bytes()) > MaxRedacted:
		r.e.Str(hidden)
		return r.d.Skip()
	case kind == jx.Object:
		return r.object(seen, depth)
	case kind == jx.Array:
		return r.array(seen, depth)
	case kind == jx.Null, kind == jx.Bool, kind == jx.Number && seen == open:
		raw, err := r.d.Raw()
		if err != nil {
			return fmt.Errorf("read value: %w", err)
		}
		if len(raw) > keptDigits || bytes.ContainsAny(raw, "eE") && kind == jx.Number {
			r.e.Str(cut(string(raw))) // not every number of JSON is one to a database
			return nil
		}
		r.e.Raw(raw)
		return nil
	case seen == shape:
		r.e.Str(hidden)
		return r.d.Skip()
	default:
		text, err := r.d.Str()
		if err != nil {
			return fmt.Errorf("read text: %w", err)
		}
		r.e.Str(RedactText(text))
		return nil
	}
}

func (r *redaction) object(seen exposure, depth int) error {
	r.e.ObjStart()
	defer r.e.ObjEnd()
	members, marked := 0, false
	if r.within > 0 {
		var err error
		if marked, err = r.marked(); err != nil {
			return err
		}
	}
	return r.d.Obj(func(_ *jx.Decoder, name string) error {
		members++
		if members > keptMembers {
			return r.d.Skip()
		}
		r.e.FieldStart(RedactText(name))
		plain := plainName.Replace(strings.ToLower(name))
		switch {
		case plain == "results":
			r.within++
			defer func() { r.within-- }()
		case r.within > 0 && plain == "secret" && r.d.Next() == jx.Bool:
			return r.value(open, depth+1) // whether it is secret is not
		case marked && (plain == "value" || plain == "url"):
			return r.value(secret, depth+1)
		}
		return r.value(max(seen, exposureOf(name)), depth+1)
	})
}

// marked looks ahead whether the object that comes is marked as secret, in whatever way.
func (r *redaction) marked() (marked bool, err error) {
	err = r.d.Capture(func(d *jx.Decoder) error {
		return d.Obj(func(d *jx.Decoder, name string) error {
			raw, err := d.Raw()
			if plainName.Replace(strings.ToLower(name)) == "secret" && string(raw) != "false" && string(raw) != "null" {
				marked = true
			}
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("look ahead: %w", err)
	}
	return marked, nil
}

func (r *redaction) array(seen exposure, depth int) error {
	r.e.ArrStart()
	defer r.e.ArrEnd()
	elements := 0
	return r.d.Arr(func(*jx.Decoder) error {
		elements++
		if elements > keptElements {
			return r.d.Skip()
		}
		return r.value(seen, depth+1)
	})
}

// exposureOf judges a member by its name.
func exposureOf(name string) exposure {
	plain := plainName.Replace(strings.ToLower(name))
	for _, word := range secretWords {
		if strings.Contains(plain, word) {
			return secret
		}
	}
	if slices.Contains(personalWords, plain) {
		return shape
	}
	return open
}

var plainName = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

var secretWords = []string{
	"secret", "password", "passwd", "passphrase", "authorization", "apikey", "accesskey", "privatekey", "token", "credential",
	"cookie", "signature", "session", "pincode", "cardnumber", "iban", "giftcode", "redeem",
}

var personalWords = []string{
	"destination", "attributes", "metadata", "address", "recipient", "customer", "contact", "email", "phone", "telephone",
	"firstname", "lastname", "street", "birthday", "birthdate", "ip", "ipaddress",
}

var (
	emailPattern  = regexp.MustCompile(`[^\s@"'<>,;:]+@[^\s@"'<>,;:]+\.[^\s@"'<>,;:.]+`)
	bearerPattern = regexp.MustCompile(`(?i)\b(bearer|basic|token)\s+[A-Za-z0-9+/=._~-]{8,}`)
	pairPattern   = regexp.MustCompile(`(?i)\b(api[-_]?key|access[-_]?key|secret|password|token|signature|sig)=[^\s&"']+`)
	secretPattern = regexp.MustCompile(`\b(bsk|whsec|sk|pk)_[A-Za-z0-9+/=_-]{8,}`)
)

// RedactText makes of a text from outside what may be stored and shown: it loses e-mail addresses and what looks like
// a credential, and is cut to 200 bytes. What no database takes for text, NUL and bytes that are not UTF-8, is left out.
func RedactText(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if strings.Contains(text, "@") {
		text = emailPattern.ReplaceAllString(text, "[email]")
	}
	if strings.Contains(text, "=") {
		text = pairPattern.ReplaceAllString(text, "$1="+hidden)
	}
	if strings.Contains(text, "_") {
		text = secretPattern.ReplaceAllString(text, hidden)
	}
	if strings.Contains(text, " ") {
		text = bearerPattern.ReplaceAllString(text, "$1 "+hidden)
	}
	return cut(text)
}

func cut(text string) string {
	if len(text) <= keptText {
		return text
	}
	return strings.ToValidUTF8(text[:keptText], "") + "…"
}
