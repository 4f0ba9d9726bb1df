package store

import (
	"context"
	"errors"
	"fmt"

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

// sentUUID is a uuid.UUID in the terms of pgx, to be sent.
type sentUUID uuid.UUID

// UUIDValue returns the bytes.
func (u sentUUID) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: true}, nil }

// readUUID is a uuid.UUID in the terms of pgx, to be read into.
type readUUID uuid.UUID

// ScanUUID takes the bytes; NULL reads as the zero uuid.
func (u *readUUID) ScanUUID(value pgtype.UUID) error {
	*u = value.Bytes
	return nil
}

var errNoUUID = errors.New("not a uuid")

type uuidEncodePlan struct{ next pgtype.EncodePlan }

// SetNext takes the plan that encodes a sentUUID.
func (p *uuidEncodePlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode appends value, a uuid.UUID.
func (p *uuidEncodePlan) Encode(value any, buffer []byte) ([]byte, error) {
	id, ok := value.(uuid.UUID)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errNoUUID, value)
	}
	return p.next.Encode(sentUUID(id), buffer) //nolint:wrapcheck // a part of pgx
}

func wrapUUIDEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	id, ok := value.(uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidEncodePlan{}, sentUUID(id), true
}

type uuidScanPlan struct{ next pgtype.ScanPlan }

// SetNext takes the plan that reads into a readUUID.
func (p *uuidScanPlan) SetNext(next pgtype.ScanPlan) { p.next = next }

// Scan reads into target, a *uuid.UUID.
func (p *uuidScanPlan) Scan(source []byte, target any) error {
	id, ok := target.(*uuid.UUID)
	if !ok {
		return fmt.Errorf("%w: %T", errNoUUID, target)
	}
	return p.next.Scan(source, (*readUUID)(id)) //nolint:wrapcheck // a part of pgx
}

func wrapUUIDScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	id, ok := target.(*uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidScanPlan{}, (*readUUID)(id), true
}
