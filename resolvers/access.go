package resolvers

import (
	"context"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/store"
)

// Viewer tells who is asking.
func (q query) Viewer(ctx context.Context) (*graph.Viewer, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	return &graph.Viewer{
		Actor: principal.Actor, Role: principal.Role, IsTestMode: principal.TestMode, Principal: principal,
	}, nil
}

// Account returns the account that the viewer acts for.
func (f viewerFields) Account(ctx context.Context, of *graph.Viewer) (*account.Account, error) {
	found, err := f.options.Store.Account(ctx, of.Principal.AccountID)
	return &found, err
}

// User returns the viewer's user, where a session makes the request.
func (f viewerFields) User(ctx context.Context, of *graph.Viewer) (*account.User, error) {
	if of.Principal.UserID == nil {
		return nil, nil
	}
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findValue(ctx, l.users, *of.Principal.UserID)
}

// APIKey returns the viewer's key, where one makes the request.
func (f viewerFields) APIKey(ctx context.Context, of *graph.Viewer) (*account.APIKey, error) {
	if of.Principal.KeyID == nil {
		return nil, nil
	}
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findValue(ctx, l.keys, *of.Principal.KeyID)
}

// Account returns the account of who is asking.
func (q query) Account(ctx context.Context) (*account.Account, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	found, err := q.options.Store.Account(ctx, principal.AccountID)
	return &found, err
}

// APIKeys lists the account's API keys.
func (q query) APIKeys(
	ctx context.Context, filter *graph.APIKeyFilter, orderBy *graph.APIKeySort,
	first *int, after *string, last *int, before *string,
) (*graph.APIKeyConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	var selected store.APIKeyFilter
	if filter != nil {
		selected = store.APIKeyFilter{Roles: filter.Role, Revoked: filter.IsRevoked}
	}
	found, err := list(ctx, q.Root, "apiKeys", selected, sort, pageArgs{first, after, last, before}, q.options.Store.APIKeyList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *account.APIKey) *graph.APIKeyEdge {
		return &graph.APIKeyEdge{Cursor: cursor, Node: node}
	})
	return &graph.APIKeyConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Users lists the account's users.
func (q query) Users(
	ctx context.Context, filter *graph.UserFilter, orderBy *graph.UserSort,
	first *int, after *string, last *int, before *string,
) (*graph.UserConnection, error) {
	sort := store.Sort{Field: store.ByName}
	if orderBy != nil {
		sort.Desc = orderBy.Direction == graph.SortDirectionDesc
		if orderBy.Field == graph.UserSortFieldCreatedAt {
			sort.Field = store.ByCreated
		}
	}
	var selected store.UserFilter
	if filter != nil {
		selected = store.UserFilter{Roles: filter.Role, Disabled: filter.IsDisabled}
	}
	found, err := list(ctx, q.Root, "users", selected, sort, pageArgs{first, after, last, before}, q.options.Store.UserList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *account.User) *graph.UserEdge {
		return &graph.UserEdge{Cursor: cursor, Node: node}
	})
	return &graph.UserConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Sessions lists the account's browser sessions.
func (q query) Sessions(
	ctx context.Context, filter *graph.SessionFilter, orderBy *graph.SessionSort,
	first *int, after *string, last *int, before *string,
) (*graph.SessionConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	var selected store.SessionFilter
	if filter != nil {
		selected.UserID = filter.UserID
	}
	found, err := list(ctx, q.Root, "sessions", selected, sort, pageArgs{first, after, last, before}, q.options.Store.SessionList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *account.Session) *graph.SessionEdge {
		return &graph.SessionEdge{Cursor: cursor, Node: node}
	})
	return &graph.SessionConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// User returns whose session it is.
func (f sessionFields) User(ctx context.Context, of *account.Session) (*account.User, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(findValue(ctx, l.users, of.UserID))
}

// AuditEntries lists who changed what.
func (q query) AuditEntries(
	ctx context.Context, filter *graph.AuditEntryFilter, orderBy *graph.AuditEntrySort,
	first *int, after *string, last *int, before *string,
) (*graph.AuditEntryConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	var selected store.AuditFilter
	if filter != nil {
		selected = store.AuditFilter{
			Actor: value(filter.Actor), Action: account.Action(value(filter.Action)), TargetID: filter.TargetID,
		}
	}
	found, err := list(ctx, q.Root, "auditEntries", selected, sort, pageArgs{first, after, last, before}, q.options.Store.AuditList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *account.AuditEntry) *graph.AuditEntryEdge {
		return &graph.AuditEntryEdge{Cursor: cursor, Node: node}
	})
	return &graph.AuditEntryConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}
