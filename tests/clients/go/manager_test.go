package clients

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/go-logr/logr"
)

const finalizer = "cellar.example.com/tidy"

// Wine is a kind with a Go type, as kubebuilder would write it.
type Wine struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   WineSpec   `json:"spec,omitempty"`
	Status WineStatus `json:"status,omitempty"`
}

type WineSpec struct {
	Colour  string `json:"colour"`
	Bottles int32  `json:"bottles,omitempty"`
}

type WineStatus struct {
	Bottles int32  `json:"bottles,omitempty"`
	Label   string `json:"label,omitempty"`
}

func (w *Wine) DeepCopyObject() runtime.Object {
	made := *w
	made.ObjectMeta = *w.ObjectMeta.DeepCopy()
	return &made
}

type WineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Wine `json:"items"`
}

func (l *WineList) DeepCopyObject() runtime.Object {
	made := &WineList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for _, wine := range l.Items {
		made.Items = append(made.Items, *wine.DeepCopyObject().(*Wine))
	}
	return made
}

// cellar keeps a ConfigMap for each Wine, and tells in a second one what it has tidied up.
type cellar struct {
	client.Client
	recorder events.EventRecorder
}

func (r *cellar) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	wine := &Wine{}
	if err := r.Get(ctx, request.NamespacedName, wine); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !wine.DeletionTimestamp.IsZero() {
		tidied := configMap("tidied-"+wine.Name, nil)
		tidied.Namespace = wine.Namespace
		if err := r.Create(ctx, tidied); err != nil && !apierrors.IsAlreadyExists(err) {
			return ctrl.Result{}, err
		}
		controllerutil.RemoveFinalizer(wine, finalizer)
		return ctrl.Result{}, r.Update(ctx, wine)
	}
	if controllerutil.AddFinalizer(wine, finalizer) {
		if err := r.Update(ctx, wine); err != nil {
			return ctrl.Result{}, err
		}
	}
	label := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "label-" + wine.Name, Namespace: wine.Namespace}}
	done, err := controllerutil.CreateOrUpdate(ctx, r.Client, label, func() error {
		label.Data = map[string]string{"text": fmt.Sprintf("%d of %s", wine.Spec.Bottles, wine.Spec.Colour)}
		return controllerutil.SetControllerReference(wine, label, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if done == controllerutil.OperationResultCreated {
		r.recorder.Eventf(wine, label, corev1.EventTypeNormal, "Labelled", "Label", "made %s", label.Name)
	}
	before := wine.DeepCopyObject().(*Wine)
	wine.Status = WineStatus{Bottles: wine.Spec.Bottles, Label: label.Name}
	return ctrl.Result{}, r.Status().Patch(ctx, wine, client.MergeFrom(before))
}

func TestAManagerReconcilesACustomKind(t *testing.T) {
	c := connect(t)
	log.SetLogger(logr.Discard())
	group := schema.GroupVersion{Group: c.namespace + ".example.com", Version: "v1"}
	crd := definition(group.Group)
	options := envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}}
	_, err := envtest.InstallCRDs(c.config, options)
	c.must(err)
	t.Cleanup(func() {
		if err := envtest.UninstallCRDs(c.config, options); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	c.must(clientgoscheme.AddToScheme(scheme))
	scheme.AddKnownTypes(group, &Wine{}, &WineList{})
	metav1.AddToGroupVersion(scheme, group)
	again := true
	manager, err := ctrl.NewManager(c.config, ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 server.Options{BindAddress: "0"},
		Cache:                   cache.Options{DefaultNamespaces: map[string]cache.Config{c.namespace: {}}},
		LeaderElection:          true,
		LeaderElectionID:        "cellar",
		LeaderElectionNamespace: c.namespace,
		Controller:              config.Controller{SkipNameValidation: &again},
	})
	c.must(err)
	c.must(manager.GetFieldIndexer().IndexField(c.ctx, &Wine{}, "spec.colour", func(o client.Object) []string {
		return []string{o.(*Wine).Spec.Colour}
	}))
	c.must(ctrl.NewControllerManagedBy(manager).For(&Wine{}).Owns(&corev1.ConfigMap{}).
		Complete(&cellar{manager.GetClient(), manager.GetEventRecorder("cellar")}))
	ctx, stop := context.WithCancel(c.ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	direct, err := client.New(c.config, client.Options{Scheme: scheme})
	c.must(err)
	wine := &Wine{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: c.namespace}, Spec: WineSpec{Colour: "red"}}
	c.must(direct.Create(c.ctx, wine))
	key := client.ObjectKeyFromObject(wine)
	labelled := client.ObjectKey{Namespace: c.namespace, Name: "label-a"}
	text := func() (string, error) {
		label := &corev1.ConfigMap{}
		err := direct.Get(c.ctx, labelled, label)
		return label.Data["text"], client.IgnoreNotFound(err)
	}
	c.until("the wine is labelled", func() (bool, error) {
		err := direct.Get(c.ctx, key, wine)
		return wine.Status == WineStatus{Bottles: 6, Label: "label-a"} && controllerutil.ContainsFinalizer(wine, finalizer), err
	})
	patch := client.MergeFrom(wine.DeepCopyObject().(*Wine))
	wine.Spec.Bottles = 12
	c.must(direct.Patch(c.ctx, wine, patch))
	c.until("the label follows", func() (bool, error) { got, err := text(); return got == "12 of red", err })
	c.must(direct.Delete(c.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "label-a", Namespace: c.namespace}}))
	c.until("the label is back", func() (bool, error) { got, err := text(); return got == "12 of red", err })
	c.until("the cache finds it by its index", func() (bool, error) {
		found := &WineList{}
		err := manager.GetClient().List(c.ctx, found, client.InNamespace(c.namespace), client.MatchingFields{"spec.colour": "red"})
		return len(found.Items) == 1, err
	})
	c.until("an event tells of it", func() (bool, error) {
		list, err := c.clients.EventsV1().Events(c.namespace).List(c.ctx, metav1.ListOptions{FieldSelector: "reason=Labelled"})
		return err == nil && len(list.Items) > 0 && list.Items[0].Regarding.Name == "a", err
	})
	c.must(direct.Delete(c.ctx, wine))
	c.until("the finalizer has run and the label is collected", func() (bool, error) {
		if err := direct.Get(c.ctx, key, wine); !apierrors.IsNotFound(err) {
			return false, err
		}
		got, err := text()
		return got == "", err
	})
	c.must(direct.Get(c.ctx, client.ObjectKey{Namespace: c.namespace, Name: "tidied-a"}, &corev1.ConfigMap{}))
}
