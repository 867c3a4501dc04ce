package clients

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

const (
	binary       = runtime.ContentTypeProtobuf
	binaryStream = runtime.ContentTypeProtobuf + ";stream=watch"
)

// wire keeps the content type of every answer of a client.
type wire struct {
	sync.Mutex
	answers []string // "GET 200 application/json"
}

// on is a copy of the config whose clients are listened to.
func (w *wire) on(config *rest.Config) *rest.Config {
	copied := rest.CopyConfig(config)
	copied.Wrap(func(next http.RoundTripper) http.RoundTripper { return &tap{next, w} })
	return copied
}

// taken is what was answered since it was asked last.
func (w *wire) taken() []string {
	w.Lock()
	defer w.Unlock()
	found := w.answers
	w.answers = nil
	return found
}

type tap struct {
	http.RoundTripper
	wire *wire
}

func (t *tap) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := t.RoundTripper.RoundTrip(request)
	if err == nil {
		t.wire.Lock()
		defer t.wire.Unlock()
		t.wire.answers = append(t.wire.answers,
			fmt.Sprintf("%s %d %s", request.Method, answer.StatusCode, answer.Header.Get("Content-Type")))
	}
	return answer, err
}

func TestEveryAnswerToATypedClientIsProtobuf(t *testing.T) {
	c := connect(t)
	heard := &wire{}
	config := heard.on(c.config)
	config.ContentType, config.AcceptContentTypes = binary, binary // and nothing else
	maps := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps(c.namespace)
	is := func(wanted string) {
		t.Helper()
		if got := strings.Join(heard.taken(), ", "); got != wanted {
			t.Fatalf("answered by %q, not %q", got, wanted)
		}
	}

	made, err := maps.Create(c.ctx, configMap("a", map[string]string{"k": "1"}), metav1.CreateOptions{})
	c.must(err)
	is("POST 201 " + binary)
	stream, err := maps.Watch(c.ctx, metav1.ListOptions{ResourceVersion: made.ResourceVersion})
	c.must(err)
	defer stream.Stop()
	is("GET 200 " + binaryStream)
	made.Data["k"] = "2"
	made.BinaryData = map[string][]byte{"b": {0, 255, 10}}
	_, err = maps.Update(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	is("PUT 200 " + binary)
	_, err = maps.Patch(c.ctx, "a", types.MergePatchType, []byte(`{"data":{"k":"3"}}`), metav1.PatchOptions{})
	c.must(err)
	is("PATCH 200 " + binary)
	live, err := maps.Get(c.ctx, "a", metav1.GetOptions{})
	c.must(err)
	is("GET 200 " + binary)
	if live.Data["k"] != "3" || string(live.BinaryData["b"]) != "\x00\xff\n" {
		t.Fatalf("read %v %v", live.Data, live.BinaryData)
	}
	list, err := maps.List(c.ctx, metav1.ListOptions{LabelSelector: "made-by=test"})
	c.must(err)
	is("GET 200 " + binary)
	if len(list.Items) != 1 || list.Items[0].ResourceVersion != live.ResourceVersion {
		t.Fatalf("listed %v", list.Items)
	}
	if _, err = maps.Get(c.ctx, "none", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("not found, not %v", err)
	}
	is("GET 404 " + binary)
	invalid := configMap("Not a name", nil)
	if _, err = maps.Create(c.ctx, invalid, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Fatalf("invalid, not %v", err)
	}
	is("POST 422 " + binary)
	c.must(maps.Delete(c.ctx, "a", metav1.DeleteOptions{}))
	is("DELETE 200 " + binary)

	for _, wanted := range []string{"MODIFIED 2", "MODIFIED 3", "DELETED 3"} {
		event := <-stream.ResultChan()
		object, is := event.Object.(*corev1.ConfigMap)
		if !is || string(event.Type)+" "+object.Data["k"] != wanted {
			t.Fatalf("watched %s %v, not %s", event.Type, event.Object, wanted)
		}
	}
}

func TestEveryBuiltInKindIsListedInProtobuf(t *testing.T) {
	c := connect(t)
	heard := &wire{}
	config := heard.on(c.config)
	config.AcceptContentTypes = binary
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	groups, err := c.clients.Discovery().ServerPreferredResources()
	c.must(err)
	client, err := rest.UnversionedRESTClientFor(config)
	c.must(err)
	seen := 0
	for _, group := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, groups) {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		c.must(err)
		if !scheme.Scheme.IsVersionRegistered(version) {
			continue // custom resources, of another test
		}
		path := "/apis/" + group.GroupVersion
		if version.Group == "" {
			path = "/api/" + group.GroupVersion
		}
		for _, resource := range group.APIResources {
			body, err := client.Get().AbsPath(path, resource.Name).Do(c.ctx).Raw()
			c.must(err)
			if got := strings.Join(heard.taken(), ", "); got != "GET 200 "+binary {
				t.Errorf("%s is answered by %s", resource.Name, got)
				continue
			}
			object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
			if err != nil || kind.Kind != resource.Kind+"List" {
				t.Errorf("%s: %v %v %T", resource.Name, kind, err, object)
			}
			seen++
		}
	}
	if seen < 50 {
		t.Fatalf("only %d kinds were seen", seen)
	}
}
