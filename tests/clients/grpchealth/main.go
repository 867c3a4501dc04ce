// Grpchealth answers grpc.health.v1.Health/Check on port 50051 for probes to ask, with nothing but
// Go's own HTTP/2: its messages are one field each. It serves unless the file /tmp/down is there,
// and knows no service but "" and "app".
//
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

const (
	serving    = 1
	notServing = 2
)

func check(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/grpc")
	answer.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	asked, err := io.ReadAll(request.Body)
	service := ""
	if err == nil && len(asked) > 7 { // five bytes of framing, the field's key and length
		service = string(asked[7:])
	}
	if service != "" && service != "app" {
		answer.WriteHeader(http.StatusOK)
		answer.Header().Set("Grpc-Status", "5")
		answer.Header().Set("Grpc-Message", "unknown service")
		return
	}
	status := byte(serving)
	if _, err := os.Stat("/tmp/down"); err == nil {
		status = notServing
	}
	answer.Write([]byte{0, 0, 0, 0, 2, 8, status})
	answer.Header().Set("Grpc-Status", "0")
}

func main() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	http.HandleFunc("POST /grpc.health.v1.Health/Check", check)
	server := http.Server{Addr: ":50051", Protocols: protocols}
	log.Fatal(server.ListenAndServe())
}
