// Package clients drives a running cluster with the libraries that controllers written in Go are
// made of: client-go and controller-runtime. KUBECONFIG names the cluster; every test has a
// namespace of its own.
package clients

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const patience = 30 * time.Second

// cluster is what a test has in hand: a config, a typed client that speaks protobuf, a namespace.
type cluster struct {
	*testing.T
	ctx       context.Context
	config    *rest.Config
	clients   kubernetes.Interface
	namespace string
}

func connect(t *testing.T) *cluster {
	t.Helper()
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		t.Fatal("KUBECONFIG names no cluster")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = -1, -1
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	made := &cluster{T: t, ctx: ctx, config: config}
	made.clients = kubernetes.NewForConfigOrDie(protobuf(config))
	space, err := made.clients.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"},
	}, metav1.CreateOptions{})
	made.must(err)
	made.namespace = space.Name
	t.Cleanup(func() {
		err := made.clients.CoreV1().Namespaces().Delete(
			context.Background(), space.Name, metav1.DeleteOptions{})
		if err != nil {
			t.Error(err)
		}
	})
	return made
}

// protobuf is the config of a client that sends and asks for protobuf first.
func protobuf(config *rest.Config) *rest.Config {
	binary := rest.CopyConfig(config)
	binary.ContentType = runtime.ContentTypeProtobuf
	binary.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return binary
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%T: %v", err, err)
	}
}

// until waits for a condition; an error of the condition ends the test.
func (c *cluster) until(what string, holds func() (bool, error)) {
	c.Helper()
	err := wait.PollUntilContextTimeout(c.ctx, 10*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return holds() })
	if err != nil {
		c.Fatalf("waiting until %s: %v", what, err)
	}
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"made-by": "test"}},
		Data:       data,
	}
}
