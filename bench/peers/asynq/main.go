// Command asynq runs the benchmark's task, and nothing else, on asynq: the usual shape of such a pipeline in Go. For each
// order one durable row and one task; the task writes a durable intent, calls the provider, and writes the outcome in one
// transaction. There is no routing, budget, ledger, event feed or API in it, so that it is a floor for the engine, not a
// replacement. It is a module of its own: nothing of it is a dependency of the product.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	kind      = "order:fulfill"
	placers   = 16
	workers   = 256
	batchSize = 100
	schema    = `
CREATE TABLE IF NOT EXISTS peer_orders (id bigint PRIMARY KEY, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS peer_attempts (order_id bigint PRIMARY KEY, state text NOT NULL, external_id text, started_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS peer_events (id bigserial PRIMARY KEY, order_id bigint NOT NULL, kind text NOT NULL, at timestamptz NOT NULL DEFAULT now());
TRUNCATE peer_orders, peer_attempts, peer_events`
)

type peer struct {
	pool     *pgxpool.Pool
	http     *http.Client
	provider string
	key      string
	done     atomic.Int64
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run fulfills as many orders as the first argument says and prints {"ordersPerSecond": …}.
func run(ctx context.Context) (err error) {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return fmt.Errorf("how many orders: %w", err)
	}
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("read database address: %w", err)
	}
	config.MaxConns = 32
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, schema); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	p := &peer{
		pool: pool, provider: os.Getenv("PEER_PROVIDER_URL"), key: os.Getenv("PEER_PROVIDER_KEY"),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: 30 * time.Second},
	}
	redis := asynq.RedisClientOpt{Network: "unix", Addr: strings.TrimPrefix(os.Getenv("REDIS_URL"), "unix://"), PoolSize: workers}
	server := asynq.NewServer(redis, asynq.Config{Concurrency: workers, LogLevel: asynq.ErrorLevel})
	if err := server.Start(asynq.HandlerFunc(p.fulfill)); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer server.Shutdown()
	client := asynq.NewClient(redis)
	defer func() { err = errors.Join(err, client.Close()) }()

	began := time.Now()
	if err := p.place(ctx, client, count); err != nil {
		return err
	}
	for p.done.Load() < int64(count) {
		time.Sleep(5 * time.Millisecond)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"ordersPerSecond": float64(count) / time.Since(began).Seconds()})
}

// place writes the orders, a hundred in a transaction, and enqueues a task for each.
func (p *peer) place(ctx context.Context, client *asynq.Client, count int) error {
	var next atomic.Int64
	failed := make(chan error, placers)
	for range placers {
		go func() {
			for {
				first := int(next.Add(batchSize)) - batchSize
				if first >= count {
					failed <- nil
					return
				}
				if err := p.placeBatch(ctx, client, first, min(first+batchSize, count)); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	var err error
	for range placers {
		err = errors.Join(err, <-failed)
	}
	return err
}

func (p *peer) placeBatch(ctx context.Context, client *asynq.Client, from, to int) error {
	if _, err := p.pool.Exec(ctx, `INSERT INTO peer_orders (id, status) SELECT generate_series($1::bigint, $2::bigint - 1), 'PENDING'`,
		from, to); err != nil {
		return fmt.Errorf("write orders: %w", err)
	}
	for id := from; id < to; id++ {
		if _, err := client.EnqueueContext(ctx, asynq.NewTask(kind, []byte(strconv.Itoa(id)))); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
	}
	return nil
}

// fulfill is the task: a durable intent, the provider's call, the durable outcome.
func (p *peer) fulfill(ctx context.Context, t *asynq.Task) error {
	id, err := strconv.Atoi(string(t.Payload()))
	if err != nil {
		return fmt.Errorf("read task: %w", err)
	}
	if _, err := p.pool.Exec(ctx, `INSERT INTO peer_attempts (order_id, state) VALUES ($1, 'IN_FLIGHT')
		ON CONFLICT (order_id) DO UPDATE SET started_at = now()`, id); err != nil {
		return fmt.Errorf("write intent: %w", err)
	}
	externalID, err := p.order(ctx, id)
	if err != nil {
		return err
	}
	if _, err := p.pool.Exec(ctx, `WITH a AS (UPDATE peer_attempts SET state = 'ACCEPTED', external_id = $2 WHERE order_id = $1),
		o AS (UPDATE peer_orders SET status = 'FULFILLED' WHERE id = $1)
		INSERT INTO peer_events (order_id, kind) VALUES ($1, 'FULFILLED')`, id, externalID); err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	p.done.Add(1)
	return nil
}

func (p *peer) order(ctx context.Context, id int) (string, error) {
	body := `{"reference":"peer","offerId":"poster-a3","serviceType":"poster-a3","quantity":2,"destination":{"name":"Ada","countryCode":"GB"}}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.provider+"/v1/orders", bytes.NewBufferString(body))
	if err != nil {
		return "", fmt.Errorf("order: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", fmt.Sprintf("peer-%d-%d", os.Getpid(), id))
	response, err := p.http.Do(request)
	if err != nil {
		return "", fmt.Errorf("order: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("order: %w", err)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		return "", fmt.Errorf("order: HTTP %d: %s", response.StatusCode, answer)
	}
	return made.ID, nil
}
