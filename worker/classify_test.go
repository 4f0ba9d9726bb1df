package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	var number int
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", errors.New("connection reset by peer"))}
	provider := func(cause error) error {
		return &providerapi.Error{Class: order.ClassUnknown, Message: "no answer", Err: cause}
	}
	for name, test := range map[string]struct {
		err  error
		want task.ErrorClass
	}{
		"silence":           {worker.ErrSilent, task.ErrorLost},
		"database":          {&pgconn.PgError{Code: "40001"}, task.ErrorStore},
		"database too slow": {errors.Join(context.DeadlineExceeded, &pgconn.PgError{Code: "57014"}), task.ErrorStore},
		"deadline":          {context.DeadlineExceeded, task.ErrorTimeout},
		"provider too slow": {provider(context.DeadlineExceeded), task.ErrorTimeout},
		"slow wire":         {provider(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), task.ErrorTimeout},
		"reset":             {provider(reset), task.ErrorConnection},
		"hung up":           {provider(io.ErrUnexpectedEOF), task.ErrorConnection},
		"no such host":      {&net.DNSError{Name: "nowhere.example", IsNotFound: true}, task.ErrorConnection},
		"refusal":           {provider(nil), task.ErrorProvider},
		"absent":            {providerapi.ErrAbsent, task.ErrorProvider},
		"faults":            {order.Faults{{Code: order.CodeInvalid}}, task.ErrorInput},
		"no JSON":           {json.Unmarshal([]byte("{"), &number), task.ErrorInput},
		"other JSON":        {json.Unmarshal([]byte(`"a"`), &number), task.ErrorInput},
		"input":             {&worker.FailedError{Class: task.ErrorInput, Err: errors.New("no address")}, task.ErrorInput},
		"gone":              {order.ErrNotFound, task.ErrorNotFound},
		"waits":             {&worker.LaterError{Reason: "limited"}, ""},
		"anything":          {errors.New("what?"), task.ErrorInternal},
	} {
		if got := worker.ClassOf(fmt.Errorf("wrapped: %w", test.err)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestStackOfAPanicIsKept(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(func(context.Context, task.Task) (json.RawMessage, error) {
		return nil, deep(200)
	}, nil)
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.MaxAttempts = 1 })))
	e.finished(task.Failure, 1)
	got := query[string](e, "SELECT error_class || ' ' || error || ' ' || error_stack FROM task_results")[0]
	if !strings.HasPrefix(got, "PANIC panic: too deep ") || !strings.Contains(got, "classify_test.go") || len(got) > 9000 || len(got) < 8000 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func deep(levels int) error {
	if levels == 0 {
		panic("too deep\x00\xff")
	}
	if err := deep(levels - 1); err != nil {
		return err
	}
	return nil
}
