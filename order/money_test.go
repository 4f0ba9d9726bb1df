package order_test

import (
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

func amount(text string) decimal.Decimal { return decimal.MustParse(text) }

func money(text string) order.Money { return order.Money{Amount: amount(text), Currency: "EUR"} }

func TestNewMoney(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"0": true, "0.000001": true, "12.50": true, "1.0000000": true, "999999999999.999999": true,
		"-0.000001": false, "0.0000001": false, "1000000000000": false, "1.1234567": false,
	} {
		got, err := order.NewMoney(amount(text), "EUR")
		if ok != (err == nil) || err != nil && !errors.Is(err, order.ErrMoney) {
			t.Errorf("NewMoney(%s): %v", text, err)
		}
		if ok && !got.Amount.Equal(amount(text)) {
			t.Errorf("NewMoney(%s) is %s", text, got)
		}
	}
	for _, currency := range []order.Currency{"", "eur", "EURO", "XXX", "EU"} {
		if _, err := order.NewMoney(amount("1"), currency); !errors.Is(err, order.ErrMoney) {
			t.Errorf("currency %q: %v", currency, err)
		}
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	list := order.Currencies()
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("currencies are not sorted, or not unique: they are looked up by halves")
	}
	for _, code := range list {
		if !order.Currency(code).Valid() || len(code) != 3 {
			t.Errorf("%q is listed and not valid", code)
		}
	}
	list[0] = "XXX"
	if order.Currencies()[0] == "XXX" {
		t.Error("a caller can change the list")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		price    string
		quantity int
		want     string // "": an error
	}{
		{"12.50", 2, "25"},
		{"0.000001", 1_000_000, "1"},
		{"0.333333", 3, "0.999999"},
		{"0", 1_000_000, "0"},
		{"999999.999999", 1_000_000, "999999999999"},
		{"999999.999999", 1_000_001, ""},
		{"999999999999.999999", 2, ""},
		{"1", -1, ""},
	} {
		got, err := money(test.price).Times(test.quantity)
		switch {
		case test.want == "":
			if !errors.Is(err, order.ErrMoney) {
				t.Errorf("%s × %d: %v, want ErrMoney", test.price, test.quantity, err)
			}
		case err != nil || !got.Amount.Equal(amount(test.want)) || got.Currency != "EUR":
			t.Errorf("%s × %d is %s (%v), want %s", test.price, test.quantity, got, err, test.want)
		}
	}
}

// micros draws an amount of at most bound millionths.
func micros(bound int64) *rapid.Generator[decimal.Decimal] {
	return rapid.Custom(func(t *rapid.T) decimal.Decimal {
		made, err := decimal.New(rapid.Int64Range(0, bound).Draw(t, "micros"), order.MoneyScale)
		if err != nil {
			t.Fatal(err)
		}
		return made
	})
}

func rational(t *rapid.T, value decimal.Decimal) *big.Rat {
	exact, ok := new(big.Rat).SetString(value.String())
	if !ok {
		t.Fatalf("%s is no number", value)
	}
	return exact
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amounts := rapid.SliceOfN(micros(999_999_999_999_999_999), 0, 10).Draw(t, "amounts")
		want := new(big.Rat)
		for _, one := range amounts {
			want.Add(want, rational(t, one))
		}
		total, err := order.Sum(amounts...)
		if err != nil || rational(t, total).Cmp(want) != 0 {
			t.Fatalf("sum of %v is %s (%v)", amounts, total, err)
		}
		price, quantity := micros(1_000_000_000).Draw(t, "price"), rapid.IntRange(0, order.MaxQuantity).Draw(t, "quantity")
		cost, err := order.Money{Amount: price, Currency: "EUR"}.Times(quantity)
		want = new(big.Rat).Mul(rational(t, price), big.NewRat(int64(quantity), 1))
		if err != nil || rational(t, cost.Amount).Cmp(want) != 0 {
			t.Fatalf("%s × %d is %s (%v)", price, quantity, cost, err)
		}
	})
}

func TestSumKnowsItsBounds(t *testing.T) {
	t.Parallel()
	most := amount("999999999999.999999")
	if _, err := order.Sum(slices.Repeat([]decimal.Decimal{most}, 10)...); err != nil {
		t.Errorf("ten of the largest amounts: %v", err)
	}
	if _, err := order.Sum(slices.Repeat([]decimal.Decimal{most}, 11)...); !errors.Is(err, order.ErrMoney) {
		t.Errorf("eleven of the largest amounts: %v, want ErrMoney", err)
	}
}

func TestMoneyString(t *testing.T) {
	t.Parallel()
	if got := money("12.50").String(); got != "12.50 EUR" {
		t.Errorf("got %q", got)
	}
}
