package store

import "fmt"

// A full text index finds all rows that have a word, in no order: of a common one too many to sort. But of such there are
// enough among the first rows in the list's order, whose texts can be looked at one by one. The database, which knows little
// of how often a word begins so, would often choose the wrong of these ways, so that lists try one after the other.

// mostWalked is how many rows are looked at one by one. A short text takes three microseconds.
const mostWalked = 3000

// common selects, in an order, those that have the words among the first rows. When there are fewer than limit, more may
// come behind.
func (tab *table[R, T]) common(w *where, order string, limit int) string {
	rest := *w
	rest.words = ""
	//nolint:unqueryvet // what is selected of the inner rows are the explicit columns
	return fmt.Sprintf("SELECT %s FROM (SELECT t.* FROM %s t WHERE %s ORDER BY %s LIMIT %d) t WHERE %s ORDER BY %s LIMIT %d",
		columnsOf[R]("t"), tab.from, &rest, order, mostWalked, w.words, order, limit)
}

// rare selects the first rows in an order of all that have the words. These are found before they are sorted: OFFSET keeps
// the database from walking through the order.
func (tab *table[R, T]) rare(w *where, order string, limit int) string {
	//nolint:unqueryvet // what is selected of the inner rows are the explicit columns
	return fmt.Sprintf("SELECT %s FROM (SELECT t.* FROM %s t WHERE %s OFFSET 0) t ORDER BY %s LIMIT %d",
		columnsOf[R]("t"), tab.from, w, order, limit)
}
