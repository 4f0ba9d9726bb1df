package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const demoHeader = "reference,category,name,country,email,service_type,quantity,attributes,budget,currency,deadline_days,priority\n"

func TestDemoOrdersAreRead(t *testing.T) {
	t.Parallel()
	orders, err := readDemoOrders("../../examples/orders.csv")
	if err != nil {
		t.Fatal(err)
	}
	if len(orders) != 500 {
		t.Errorf("%d orders, want 500", len(orders))
	}
}

func TestRowsOfOneReferenceAreOneOrder(t *testing.T) {
	t.Parallel()
	orders, err := parseDemoOrders(strings.NewReader(demoHeader+
		"A-1,prints,Ada,GB,ada@example.com,poster-a3,2,,50.00,EUR,7,3\n"+
		"A-1,prints,Ada,GB,ada@example.com,poster-a2,1,,50.00,EUR,7,3\n"+
		"A-2,prints,Bob,DE,bob@example.com,poster-a4,1,,,,,0\n"), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(orders) != 2 {
		t.Fatalf("%d orders, want 2", len(orders))
	}
	lines, _ := orders[0]["lines"].([]map[string]any)
	if len(lines) != 2 || orders[0]["deadline"] != "1970-01-08T00:00:00Z" {
		t.Errorf("first order: %v", orders[0])
	}
	if _, given := orders[1]["budget"]; given {
		t.Errorf("second order has a budget: %v", orders[1])
	}
}

func TestBadDemoFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":    "",
		"columns":  "reference\n",
		"quantity": demoHeader + "A-1,prints,Ada,GB,e,poster-a3,two,,,,,0\n",
		"priority": demoHeader + "A-1,prints,Ada,GB,e,poster-a3,2,,,,,high\n",
		"deadline": demoHeader + "A-1,prints,Ada,GB,e,poster-a3,2,,,,soon,0\n",
		"ragged":   demoHeader + "A-1,prints\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseDemoOrders(strings.NewReader(content), time.Now()); !errors.Is(err, errDemoFile) {
				t.Errorf("err = %v, want errDemoFile", err)
			}
		})
	}
}
