package clients

import (
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// definition is a CRD of a group that no other test uses: its kind is Wine.
func definition(group string) *apiextensionsv1.CustomResourceDefinition {
	integer := func() apiextensionsv1.JSONSchemaProps {
		return apiextensionsv1.JSONSchemaProps{Type: "integer", Format: "int32"}
	}
	bottles := integer()
	bottles.Default = &apiextensionsv1.JSON{Raw: []byte("6")}
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	properties := map[string]apiextensionsv1.JSONSchemaProps{
		"spec": {Type: "object", Required: []string{"colour"}, Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"colour": text, "bottles": bottles,
		}},
		"status": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"bottles": integer(), "label": text,
		}},
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "wines." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: "wines", Singular: "wine", Kind: "Wine", ListKind: "WineList",
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Subresources:     &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				SelectableFields: []apiextensionsv1.SelectableField{{JSONPath: ".spec.colour"}},
				Schema: &apiextensionsv1.CustomResourceValidation{
					OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: properties},
				},
			}},
		},
	}
}

// define makes the CRD, waits until it is established and returns how its objects are asked for.
func define(c *cluster) (schema.GroupVersionResource, func(name, colour string) *unstructured.Unstructured) {
	group := c.namespace + ".example.com"
	crds := apiextensions.NewForConfigOrDie(c.config).ApiextensionsV1().CustomResourceDefinitions()
	made, err := crds.Create(c.ctx, definition(group), metav1.CreateOptions{})
	c.must(err)
	c.Cleanup(func() {
		if err := crds.Delete(c.ctx, made.Name, metav1.DeleteOptions{}); err != nil {
			c.Error(err)
		}
	})
	c.until("the definition is established", func() (bool, error) {
		live, err := crds.Get(c.ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range live.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	wine := func(name, colour string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": group + "/v1", "kind": "Wine",
			"metadata": map[string]any{"name": name, "namespace": c.namespace},
			"spec":     map[string]any{"colour": colour},
		}}
	}
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: "wines"}, wine
}

func TestTheDynamicClientServesCustomResources(t *testing.T) {
	c := connect(t)
	resource, wine := define(c)
	wines := dynamic.NewForConfigOrDie(c.config).Resource(resource).Namespace(c.namespace)
	made, err := wines.Create(c.ctx, wine("a", "red"), metav1.CreateOptions{})
	c.must(err)
	bottles, _, err := unstructured.NestedInt64(made.Object, "spec", "bottles")
	c.must(err)
	if bottles != 6 {
		c.Errorf("%d bottles by default", bottles)
	}
	_, err = wines.Create(c.ctx, wine("a", "red"), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		c.Errorf("not AlreadyExists: %v", err)
	}
	bad := wine("b", "red")
	c.must(unstructured.SetNestedField(bad.Object, "many", "spec", "bottles"))
	_, err = wines.Create(c.ctx, bad, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.bottles") {
		c.Errorf("not Invalid: %v", err)
	}
	made, err = wines.Patch(c.ctx, "a", types.MergePatchType, []byte(`{"spec":{"bottles":12}}`), metav1.PatchOptions{})
	c.must(err)
	if made.GetGeneration() != 2 {
		c.Errorf("generation %d", made.GetGeneration())
	}
	_, err = wines.Patch(c.ctx, "a", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
	if !apierrors.IsUnsupportedMediaType(err) {
		c.Errorf("not UnsupportedMediaType: %v", err)
	}
	c.must(unstructured.SetNestedField(made.Object, int64(3), "status", "bottles"))
	made, err = wines.UpdateStatus(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	if made.GetGeneration() != 2 {
		c.Error("a status counts as a generation")
	}
	applied, err := wines.Apply(c.ctx, "applied", wine("applied", "white"), metav1.ApplyOptions{FieldManager: "test"})
	c.must(err)
	if applied.GetManagedFields()[0].Manager != "test" {
		c.Errorf("owned by %v", applied.GetManagedFields())
	}
	white, err := wines.List(c.ctx, metav1.ListOptions{FieldSelector: "spec.colour=white"})
	c.must(err)
	if len(white.Items) != 1 || white.Items[0].GetName() != "applied" {
		c.Errorf("white: %v", white.Items)
	}
}

func TestDynamicInformersSeeCustomResourcesComeAndGo(t *testing.T) {
	c := connect(t)
	resource, wine := define(c)
	client := dynamic.NewForConfigOrDie(c.config)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, c.namespace,
		func(o *metav1.ListOptions) { o.FieldSelector = "spec.colour=red" })
	informer := factory.ForResource(resource)
	events := make(chan string, 16)
	tell := func(kind watch.EventType) func(obj any) {
		return func(obj any) { events <- fmt.Sprintf("%s %s", kind, obj.(*unstructured.Unstructured).GetName()) }
	}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: tell(watch.Added), DeleteFunc: tell(watch.Deleted),
		UpdateFunc: func(_, obj any) { tell(watch.Modified)(obj) },
	})
	c.must(err)
	factory.Start(c.ctx.Done())
	factory.WaitForCacheSync(c.ctx.Done())
	wines := client.Resource(resource).Namespace(c.namespace)
	_, err = wines.Create(c.ctx, wine("w", "white"), metav1.CreateOptions{})
	c.must(err)
	made, err := wines.Create(c.ctx, wine("r", "red"), metav1.CreateOptions{})
	c.must(err)
	c.must(unstructured.SetNestedField(made.Object, "white", "spec", "colour"))
	_, err = wines.Update(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	_, err = wines.Patch(c.ctx, "w", types.MergePatchType, []byte(`{"spec":{"colour":"red"}}`), metav1.PatchOptions{})
	c.must(err)
	for _, wanted := range []string{"ADDED r", "DELETED r", "ADDED w"} {
		select {
		case got := <-events:
			if got != wanted {
				c.Fatalf("%s instead of %s", got, wanted)
			}
		case <-c.ctx.Done():
			c.Fatalf("never heard of %s", wanted)
		}
	}
}
