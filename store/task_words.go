package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/boostress/boostress/task"
)

const (
	wordsFrom   = 20_000 // characters of an error, or of a result, that are searched
	longestWord = 2046   // bytes; Postgres leaves longer ones out
)

// TaskWords cuts a search into words, lower case, each once. Whatever is no letter or digit parts words.
func TaskWords(search string) []string {
	words := strings.FieldsFunc(strings.ToLower(search), noWord)
	slices.Sort(words)
	return slices.Compact(words)
}

func noWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// wordsQuery asks for texts that have words that begin so. The words have no character that means something in a query.
func wordsQuery(words []string) string {
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = "'" + word + "':*"
	}
	return strings.Join(parts, " & ")
}

// wordsWhere is the condition that texts have words that begin so. What comes first tells nearly the same ten times as fast.
func wordsWhere(w *where, words []string) string {
	conditions := make([]string, 0, len(words)+1)
	for _, word := range words {
		part := w.arg("%" + word + "%")
		conditions = append(conditions, "(lower(t.error) LIKE "+part+" OR lower(t.result::text) LIKE "+part+")")
	}
	conditions = append(conditions, "task_words(t.error, t.result) @@ "+w.arg(wordsQuery(words))+"::tsquery")
	return strings.Join(conditions, " AND ")
}

// matchWords is what the function task_words of the database and a query of its words come to.
func (f *TaskFilter) matchWords(t *task.Task) bool {
	if f.Search == nil {
		return true
	}
	words := append(strings.FieldsFunc(beginning(t.Error), noWord), resultWords(t.Result)...)
	for _, wanted := range f.Search {
		if !slices.ContainsFunc(words, func(word string) bool {
			return len(word) <= longestWord && strings.HasPrefix(word, wanted)
		}) {
			return false
		}
	}
	return len(f.Search) > 0
}

func beginning(text string) string {
	count := 0
	for at := range text {
		if count == wordsFrom {
			text = text[:at]
			break
		}
		count++
	}
	return strings.ToLower(text)
}

func resultWords(result json.RawMessage) []string {
	var parsed any
	decoder := json.NewDecoder(strings.NewReader(string(result)))
	decoder.UseNumber()
	if decoder.Decode(&parsed) != nil {
		return nil
	}
	var text strings.Builder
	writeJSONB(&text, parsed)
	return strings.FieldsFunc(beginning(text.String()), noWord)
}

// writeJSONB writes a value as Postgres writes jsonb: the keys of objects by length and then by their bytes.
func writeJSONB(text *strings.Builder, value any) {
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		for _, key := range keys {
			writeJSONBText(text, key)
			text.WriteString(": ")
			writeJSONB(text, value[key])
			text.WriteString(", ")
		}
	case []any:
		for _, item := range value {
			writeJSONB(text, item)
			text.WriteString(", ")
		}
	case string:
		writeJSONBText(text, value)
	case nil:
		text.WriteString("null")
	default:
		fmt.Fprint(text, value)
	}
}

// writeJSONBText writes spaces, which part words, for what Postgres escapes.
func writeJSONBText(text *strings.Builder, value string) {
	text.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"', r == '\\', r == '\b', r == '\f', r == '\n', r == '\r', r == '\t':
			text.WriteString("  ") // as long as \n
		case r < ' ':
			text.WriteString("      ") // as long as \u0001
		default:
			text.WriteRune(r)
		}
	}
	text.WriteByte('"')
}
