package fulfillment

import (
	"context"
	"maps"
	"sync"

	"github.com/google/uuid"

	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
)

// books keeps what was read of the accounts' policies as long as it is true: until one is published. It holds an entry
// for each account that has any.
type books struct {
	mu        sync.Mutex
	byAccount map[uuid.UUID]store.Book
}

func newBooks() *books { return &books{byAccount: make(map[uuid.UUID]store.Book)} }

// read returns the policies of accounts, by what is known already and, where that is not of the current version, out of
// the record. Version zero means that nothing was ever published.
func (b *books) read(ctx context.Context, tx *store.Tx, versions map[uuid.UUID]int64) (map[uuid.UUID]*routing.Book, error) {
	found := make(map[uuid.UUID]*routing.Book, len(versions))
	var stale []uuid.UUID
	b.mu.Lock()
	for accountID, version := range versions {
		switch known, ok := b.byAccount[accountID]; {
		case version == 0:
		case ok && known.Version == version:
			found[accountID] = known.Book
		default:
			stale = append(stale, accountID)
		}
	}
	b.mu.Unlock()
	if len(stale) == 0 {
		return found, nil
	}
	fresh, err := tx.Books(ctx, stale)
	if err != nil {
		return nil, err
	}
	for accountID, book := range fresh {
		found[accountID] = book.Book
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.byAccount, fresh)
	return found, nil
}
