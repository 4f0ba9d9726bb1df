package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Left to itself, pgx sends each uuid.UUID as text, by way of a few plans that fail: a fifth of what the engine's
// statements cost this process.

// registerUUID teaches a connection to send and read uuid.UUID as the sixteen bytes that it is.
func registerUUID(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapUUIDEncode}, types.TryWrapEncodePlanFuncs...)
	types.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapUUIDScan}, types.TryWrapScanPlanFuncs...)
	return nil
}

// uuidValue is a uuid.UUID in the terms of pgx.
type uuidValue uuid.UUID

// UUIDValue returns the bytes.
func (u uuidValue) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: true}, nil }

// ScanUUID takes the bytes; NULL reads as the zero uuid.
func (u *uuidValue) ScanUUID(value pgtype.UUID) error {
	*u = value.Bytes
	return nil
}

type uuidEncodePlan struct{ next pgtype.EncodePlan }

// SetNext takes the plan that encodes a uuidValue.
func (p *uuidEncodePlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode appends value, a uuid.UUID.
func (p *uuidEncodePlan) Encode(value any, buffer []byte) ([]byte, error) {
	return p.next.Encode(uuidValue(value.(uuid.UUID)), buffer) //nolint:wrapcheck,forcetypeassert // pgx's own, chosen by type
}

func wrapUUIDEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	id, ok := value.(uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidEncodePlan{}, uuidValue(id), true
}

type uuidScanPlan struct{ next pgtype.ScanPlan }

// SetNext takes the plan that scans into a uuidValue.
func (p *uuidScanPlan) SetNext(next pgtype.ScanPlan) { p.next = next }

// Scan reads into target, a *uuid.UUID.
func (p *uuidScanPlan) Scan(source []byte, target any) error {
	return p.next.Scan(source, (*uuidValue)(target.(*uuid.UUID))) //nolint:wrapcheck,forcetypeassert // pgx's own, chosen by type
}

func wrapUUIDScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	id, ok := target.(*uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidScanPlan{}, (*uuidValue)(id), true
}
