package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

var errDemoFile = errors.New("bad orders file")

// demoColumns are the columns of the orders file. Rows that follow each other with the same reference are lines of
// one order, which takes all else from its first row.
func demoColumns() []string {
	return []string{
		"reference", "category", "name", "country", "email", "service_type", "quantity", "attributes",
		"budget", "currency", "deadline_days", "priority",
	}
}

// readDemoOrders reads an orders file into inputs of createOrders.
func readDemoOrders(path string) ([]map[string]any, error) {
	file, err := os.Open(path) //nolint:gosec // the person who runs it named it
	if err != nil {
		return nil, fmt.Errorf("open orders: %w", err)
	}
	orders, err := parseDemoOrders(file, time.Now())
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return orders, nil
}

func parseDemoOrders(file io.Reader, now time.Time) ([]map[string]any, error) {
	reader := csv.NewReader(file)
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDemoFile, err)
	}
	columns := demoColumns()
	if len(header) != len(columns) {
		return nil, fmt.Errorf("%w: the columns must be %v", errDemoFile, columns)
	}
	var orders []map[string]any
	last := ""
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return orders, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDemoFile, err)
		}
		row := make(map[string]string, len(columns))
		for i, column := range columns {
			row[column] = record[i]
		}
		line, err := demoLine(row)
		if err != nil {
			return nil, err
		}
		if row["reference"] != last {
			last = row["reference"]
			draft, err := demoDraft(row, now)
			if err != nil {
				return nil, err
			}
			orders = append(orders, draft)
		}
		current := orders[len(orders)-1]
		lines, _ := current["lines"].([]map[string]any)
		current["lines"] = append(lines, line)
	}
}

func demoLine(row map[string]string) (map[string]any, error) {
	quantity, err := strconv.Atoi(row["quantity"])
	if err != nil {
		return nil, fmt.Errorf("%w: quantity of %s: %w", errDemoFile, row["reference"], err)
	}
	line := map[string]any{"serviceType": row["service_type"], "quantity": quantity}
	if row["attributes"] != "" {
		line["attributes"] = json.RawMessage(row["attributes"])
	}
	return line, nil
}

func demoDraft(row map[string]string, now time.Time) (map[string]any, error) {
	priority, err := strconv.Atoi(row["priority"])
	if err != nil {
		return nil, fmt.Errorf("%w: priority of %s: %w", errDemoFile, row["reference"], err)
	}
	draft := map[string]any{
		"reference": row["reference"], "category": row["category"], "priority": priority,
		"destination": map[string]any{
			"name": row["name"], "countryCode": row["country"], "attributes": map[string]any{"email": row["email"]},
		},
	}
	if row["budget"] != "" {
		draft["budget"] = map[string]any{"amount": row["budget"], "currency": row["currency"]}
	}
	if row["deadline_days"] != "" {
		days, err := strconv.Atoi(row["deadline_days"])
		if err != nil {
			return nil, fmt.Errorf("%w: deadline of %s: %w", errDemoFile, row["reference"], err)
		}
		draft["deadline"] = now.AddDate(0, 0, days).UTC().Format(time.RFC3339)
	}
	return draft, nil
}
