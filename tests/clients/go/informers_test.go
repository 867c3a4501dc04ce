package clients

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// heard keeps what an informer's handlers were told.
type heard struct {
	sync.Mutex
	lines []string
}

func (h *heard) add(kind string, obj any) {
	h.Lock()
	defer h.Unlock()
	h.lines = append(h.lines, kind+" "+obj.(*corev1.ConfigMap).Name)
}

func (h *heard) are(wanted ...string) bool {
	h.Lock()
	defer h.Unlock()
	return fmt.Sprint(h.lines) == fmt.Sprint(wanted)
}

func TestInformersFollowTheCluster(t *testing.T) {
	for _, form := range []string{"protobuf", "json"} {
		t.Run(form, func(t *testing.T) {
			c := connect(t)
			config, wanted := protobuf(c.config), binary
			if form == "json" {
				config, wanted = rest.CopyConfig(c.config), runtime.ContentTypeJSON
				config.ContentType, config.AcceptContentTypes = wanted, wanted
			}
			heard := &wire{}
			follow(c, heard.on(config))
			for _, answer := range heard.taken() {
				if !strings.HasPrefix(answer, "GET 200 "+wanted) {
					t.Errorf("answered by %s", answer)
				}
			}
		})
	}
}

func follow(c *cluster, config *rest.Config) {
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	_, err := maps.Create(c.ctx, configMap("before", nil), metav1.CreateOptions{})
	c.must(err)

	factory := informers.NewSharedInformerFactoryWithOptions(
		kubernetes.NewForConfigOrDie(config), 0,
		informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.LabelSelector = "made-by=test"
		}))
	informer := factory.Core().V1().ConfigMaps()
	said := &heard{}
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { said.add("add", obj) },
		UpdateFunc: func(_, obj any) { said.add("update", obj) },
		DeleteFunc: func(obj any) { said.add("delete", obj) },
	})
	c.must(err)
	factory.Start(c.ctx.Done())
	if !cache.WaitForCacheSync(c.ctx.Done(), informer.Informer().HasSynced) {
		c.Fatal("the cache never was in sync")
	}
	c.until("what was there is heard of", func() (bool, error) { return said.are("add before"), nil })

	made, err := maps.Create(c.ctx, configMap("a", map[string]string{"k": "1"}), metav1.CreateOptions{})
	c.must(err)
	made.Data["k"] = "2"
	made, err = maps.Update(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	c.until("the lister shows the update", func() (bool, error) {
		kept, err := informer.Lister().ConfigMaps(c.namespace).Get("a")
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil && kept.ResourceVersion == made.ResourceVersion && kept.Data["k"] == "2", err
	})
	unseen := configMap("unseen", nil)
	unseen.Labels = nil
	_, err = maps.Create(c.ctx, unseen, metav1.CreateOptions{})
	c.must(err)
	made.Labels = nil // leaves the selector
	_, err = maps.Update(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	c.must(maps.Delete(c.ctx, "before", metav1.DeleteOptions{}))
	c.until("everything is heard of in order", func() (bool, error) {
		return said.are("add before", "add a", "update a", "delete a", "delete before"), nil
	})
	left, err := informer.Lister().List(labels.Everything())
	c.must(err)
	if len(left) != 0 {
		c.Fatalf("still in the cache: %v", left)
	}
}

func TestAWatchListStreamsTheStateAndThenABookmark(t *testing.T) {
	c := connect(t)
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	for _, name := range []string{"a", "b"} {
		_, err := maps.Create(c.ctx, configMap(name, nil), metav1.CreateOptions{})
		c.must(err)
	}
	yes := true
	stream, err := maps.Watch(c.ctx, metav1.ListOptions{
		SendInitialEvents:    &yes,
		AllowWatchBookmarks:  true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		LabelSelector:        "made-by=test",
	})
	c.must(err)
	defer stream.Stop()
	var seen []string
	for event := range stream.ResultChan() {
		object := event.Object.(*corev1.ConfigMap)
		if event.Type == watch.Bookmark {
			if object.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
				continue
			}
			if object.ResourceVersion == "" {
				c.Fatal("a bookmark without a revision")
			}
			break
		}
		seen = append(seen, string(event.Type)+" "+object.Name)
	}
	if fmt.Sprint(seen) != "[ADDED a ADDED b]" {
		c.Fatalf("streamed: %v", seen)
	}
}

func TestARetryWatcherGoesOnFromARevision(t *testing.T) {
	c := connect(t)
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	first, err := maps.Create(c.ctx, configMap("first", nil), metav1.CreateOptions{})
	c.must(err)
	watcher, err := watchtools.NewRetryWatcherWithContext(c.ctx, first.ResourceVersion,
		&cache.ListWatch{WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) {
			seconds := int64(1) // so that it has to come back
			o.TimeoutSeconds = &seconds
			return maps.Watch(c.ctx, o)
		}})
	c.must(err)
	defer watcher.Stop()
	go func() {
		for n := range 30 {
			if _, err := maps.Create(c.ctx, configMap(fmt.Sprintf("c-%02d", n), nil), metav1.CreateOptions{}); err != nil {
				c.Error(err)
			}
			if n == 20 {
				<-watcherPause(c)
			}
		}
	}()
	for wanted := 0; wanted < 30; {
		event, open := <-watcher.ResultChan()
		if !open {
			c.Fatal("the watch ended for good")
		}
		if event.Type == watch.Bookmark {
			continue
		}
		object := event.Object.(*corev1.ConfigMap)
		if object.Name == "kube-root-ca.crt" {
			continue
		}
		if name := fmt.Sprintf("c-%02d", wanted); object.Name != name {
			c.Fatalf("%s instead of %s", object.Name, name)
		}
		wanted++
	}
}

// watcherPause ends once a watch of one second, begun now, has ended: so has any before it.
func watcherPause(c *cluster) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		second := int64(1)
		stream, err := c.clients.CoreV1().Secrets(c.namespace).Watch(c.ctx, metav1.ListOptions{TimeoutSeconds: &second})
		if err != nil {
			c.Error(err)
			return
		}
		for range stream.ResultChan() {
		}
	}()
	return done
}
