package live

// names are the keys and channels in Redis. They share a hash tag, so that a cluster keeps them together.
type names struct{ prefix string }

// feed is the channel that carries the feed's windows.
func (n names) feed() string { return n.prefix + "boostress:{live}:feed" }

// bell is the channel on which committers ring for the relay.
func (n names) bell() string { return n.prefix + "boostress:{live}:bell" }

// results is the channel that carries finished tasks.
func (n names) results() string { return n.prefix + "boostress:{live}:results" }

// feedWanted is a key that exists while some hub has a reader of the feed. It lives for wantedFor.
func (n names) feedWanted() string { return n.prefix + "boostress:{live}:feed:wanted" }

// resultsWanted is feedWanted for finished tasks.
func (n names) resultsWanted() string { return n.prefix + "boostress:{live}:results:wanted" }

// hints is the channel that carries the ids of what changed.
func (n names) hints() string { return n.prefix + "boostress:{live}:hints" }

// hintsWanted is feedWanted for hints.
func (n names) hintsWanted() string { return n.prefix + "boostress:{live}:hints:wanted" }
