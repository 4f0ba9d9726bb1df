package providerapi_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

var errGone = errors.New("gone")

// The provider sees not one byte of a request whose check failed.
func TestCheckComesBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	received := make(chan int, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		read, _ := conn.Read(make([]byte, 1))
		received <- read
		_ = conn.Close()
	}()
	client := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	t.Cleanup(client.CloseIdleConnections)
	ctx := providerapi.WithCheck(t.Context(), func() error { return errGone })
	request, err := providerapi.NewRequest(ctx, http.MethodPost, "http://"+listener.Addr().String(), []byte(`{"quantity": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = providerapi.Call(client, request)
	if !errors.Is(err, errGone) || providerapi.ClassOf(err) != order.ClassRetryable {
		t.Errorf("call failed with %v (%s), want the check's error as RETRYABLE", err, providerapi.ClassOf(err))
	}
	if read := <-received; read != 0 {
		t.Error("the provider got something")
	}
}
