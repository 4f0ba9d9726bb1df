// Package live carries what was committed to whoever watches, on every node, exactly once and each order's events in
// sequence.
//
//	committers ── Bell ──► Redis ──► Relay's leader ── reads windows ──► Postgres
//	                                      │
//	                                      ▼ publishes them
//	                                    Redis ──► Hub of each API process ──► Subscription ──► socket
//	                                                │ fills gaps, replays
//	                                                ▼
//	                                             Postgres
//
// The feed is the table of events. Its ids become visible out of order, because transactions commit in another order
// than they begin; so the feed is read by snapshots of Postgres instead: "what S sees and P does not, by id" is a window,
// and windows that follow each other, (P, S], (S, T], miss nothing and repeat nothing. Within an order ids ascend, because
// its events are written under its row's lock.
//
// The Relay's leader reads windows and publishes them to Redis, which may lose, repeat or delay them, be emptied,
// restarted or away: a Hub takes a window only where it continues what it has, and otherwise reads from Postgres what is
// missing. Every second it asks Postgres whether a last message was lost. A second leader, or none, does no harm either.
//
// A snapshot is only used once it is durable: otherwise a crash of Postgres could give a transaction id again that the
// snapshot sees already, and an event would be taken for an old one. History sees to that.
//
// While nobody watches nothing is read or published: hubs say by a key in Redis that they want the feed.
//
// A cursor says which events its holder has: how far in the feed, and how far in the order that the event is of. It is
// good on every node. Readers that come back catch up from the hub's ring of recent events or, where they were away for
// longer, from Postgres, and then join the live feed. So do readers that fall behind in a burst; one that can't catch up
// is cut off with ErrSlow rather than waited for.
//
// Results of tasks are announced beside the feed, by Results, without its guarantees.
package live
