package fulfillment_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/boostress/boostress/order"
)

// person changes some order as people do, at any time. What its state does not allow is refused, and no fault.
func (w *world) person() error {
	o := w.placed[w.intN(len(w.placed))]
	err := w.wish(o)
	var faults order.Faults
	if errors.Is(err, order.ErrFulfilled) || errors.As(err, &faults) {
		return nil
	}
	return err
}

func (w *world) wish(o *order.Order) error {
	names := []string{"payment", "fraud"}
	name := names[w.intN(len(names))]
	var err error
	switch w.intN(12) {
	case 0:
		_, err = w.CancelOrder(w.ctx(), w.who, o.ID)
	case 1, 2:
		_, err = w.HoldOrder(w.ctx(), w.who, o.ID, name, strconv.Itoa(w.intN(2)))
	case 3, 4:
		_, err = w.ReleaseOrder(w.ctx(), w.who, o.ID, []*string{nil, &name}[w.intN(2)])
	case 5:
		_, err = w.ExpediteOrder(w.ctx(), w.who, o.ID)
	case 6, 7, 8:
		_, err = w.PlaceOrder(w.ctx(), w.who, o.ID)
	case 9:
		_, err = w.AddOrderNote(w.ctx(), w.who, o.ID, "they called")
	default:
		_, err = w.UpdateOrder(w.ctx(), w.who, o.ID, order.Revision{
			Budget: money(strconv.Itoa(1 + w.intN(20))), Priority: new(w.intN(10)),
			DeadlineAction: []order.DeadlineAction{order.DeadlineFinish, order.DeadlineCancel}[w.intN(2)],
			Metadata:       json.RawMessage(fmt.Sprintf(`{"turn": %d}`, w.intN(5))),
		})
	}
	return err
}

// releaseAll lets go on what is held, and gives drafts up.
func (w *world) releaseAll() {
	for _, o := range w.placed {
		w.release(o, nil)
		if w.order(o).Status == order.Drafted {
			w.cancel(o)
		}
	}
}
